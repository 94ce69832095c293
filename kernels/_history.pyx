"""The search for an order of operations that a sequential object would explain: depth first, with memory.

A configuration is what has been placed and the state then. From each, every operation that may come next is tried, the
one that must be over first before the others; a configuration that was met is not entered again (Lowe 2017, after Wing
and Gong 1993). What may come next is said by ``RealTime`` or by ``ProgramOrder``. States and kinds of operations are
numbers, and a step from state to state is asked for once and then looked up, so that any model runs here.
"""

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from _checks cimport checked_labels
from _rows cimport Rows, bytes_of, counted, is_empty, made_rows, row_of

cdef enum:
    RUNNING = 0
    FOUND = 1
    NONE = 2
    FULL = 3
    MOST_STATES = 16  # that are remembered of the furthest place


cdef int check_equal(str what, Py_ssize_t got, Py_ssize_t wanted) except -1:
    if got != wanted:
        raise ValueError(f"{what} must be equally many, got {got} and {wanted}")
    return 0


cdef class Search:
    """A search over n operations; ``step(state, kind)`` answers with the next state, or −1 where that cannot be.

    ``ranks`` (n,) say which operation is tried first; each has its own. What is ``quiet`` changes no state, so that it
    is placed at once wherever it may be: nothing that was possible becomes impossible by it.
    """

    cdef const int64_t[::1] kinds, ranks, quiet
    cdef object step
    cdef Rows steps           # (state and kind) → next state
    cdef Rows met             # configurations
    cdef Py_ssize_t n, depth, best_depth, same
    cdef int32_t* order
    cdef int32_t* before      # of each placed operation, the state before it
    cdef int32_t* best
    cdef int32_t* open        # what may come next
    cdef int32_t* kept        # what of that is worth a try
    cdef uint8_t* forced
    cdef uint64_t* key
    cdef int32_t state
    cdef int64_t last, best_progress, entered
    cdef int32_t best_states[MOST_STATES]
    cdef int best_count
    cdef bint begun, symmetric

    def __cinit__(self, *_):
        self.order = self.before = self.best = self.open = self.kept = NULL
        self.steps.rows = self.met.rows = NULL
        self.forced = NULL
        self.key = NULL

    def __dealloc__(self):
        free(self.order)
        free(self.before)
        free(self.best)
        free(self.open)
        free(self.kept)
        free(self.steps.rows)
        free(self.met.rows)
        free(self.forced)
        free(self.key)

    cdef int prepare(self, kinds, ranks, quiet, step, Py_ssize_t words) except -1:
        self.kinds = checked_labels("kinds", kinds)
        self.ranks = checked_labels("ranks", ranks)
        self.quiet = checked_labels("quiet", quiet)
        self.n = self.kinds.shape[0]
        check_equal("ranks and kinds", self.ranks.shape[0], self.n)
        check_equal("quiet and kinds", self.quiet.shape[0], self.n)
        self.step = step
        if not made_rows(&self.steps, 2, 1) or not made_rows(&self.met, words, words):
            raise MemoryError
        self.order = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        self.before = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        self.best = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        self.open = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        self.kept = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        self.forced = <uint8_t*>calloc(self.n + 1, sizeof(uint8_t))
        self.key = <uint64_t*>calloc(words, sizeof(uint64_t))
        if NULL in (self.order, self.before, self.best, self.open, self.kept) or self.forced is NULL or self.key is NULL:
            raise MemoryError
        self.depth = self.best_depth = self.same = self.entered = self.state = self.best_count = 0
        self.last = self.best_progress = -1
        self.begun = False
        return 0

    # What an order says of itself: the operations that may come next, placing one and taking it back, the words of a
    # configuration, how far it has come, and whether nothing is left that must be placed.
    cdef Py_ssize_t candidates(self) noexcept nogil:
        return 0

    cdef void place(self, int32_t op) noexcept nogil:
        pass

    cdef void take_back(self, int32_t op) noexcept nogil:
        pass

    cdef void words(self) noexcept nogil:
        pass

    cdef int64_t progress(self) noexcept nogil:
        return self.depth

    cdef bint complete(self) noexcept nogil:
        return True

    cdef int32_t stepped(self, int32_t op) except -2:
        cdef uint64_t key = (<uint64_t>self.state << 32) | <uint64_t>self.kinds[op]
        cdef uint64_t* row = row_of(&self.steps, &key)
        cdef int32_t found
        if not is_empty(row):
            return <int32_t>row[1]
        found = self.step(self.state, self.kinds[op])
        row[0], row[1] = key, <uint64_t>found & 0xFFFFFFFF
        if not counted(&self.steps):
            raise MemoryError
        return found

    cdef void push(self, int32_t op, int32_t state, bint forced) noexcept nogil:
        self.order[self.depth], self.before[self.depth], self.forced[self.depth] = op, self.state, forced
        self.depth += 1
        self.state = state
        self.place(op)

    cdef int32_t pop(self) noexcept nogil:
        """Take the last one back that was a choice, and what followed from it; −1 where none is left."""
        cdef bint forced = True
        cdef int32_t op = -1
        while forced and self.depth:
            self.depth -= 1
            op, forced = self.order[self.depth], self.forced[self.depth]
            self.take_back(op)
            self.state = self.before[self.depth]
        self.same = min(self.same, self.depth)
        return -1 if forced else op

    cdef int settle(self) except -1:
        """Place all that is quiet and may be placed, and note how far this has come."""
        cdef Py_ssize_t i, count
        cdef int32_t op
        cdef bint again = True
        while again:
            again = False
            count = self.candidates()
            for i in range(count):
                op = self.open[i]
                if self.quiet[op] and self.stepped(op) >= 0:
                    self.push(op, self.state, True)
                    again = True
        self.note()
        return 0

    cdef void note(self) noexcept nogil:
        cdef int64_t progress = self.progress()
        cdef int i
        if progress < self.best_progress:
            return
        if progress > self.best_progress or self.depth > self.best_depth:
            self.best_count = 0 if progress > self.best_progress else self.best_count
            memcpy(self.best + self.same, self.order + self.same, (self.depth - self.same) * sizeof(int32_t))
            self.best_progress, self.best_depth, self.same = progress, self.depth, self.depth
        for i in range(self.best_count):
            if self.best_states[i] == self.state:
                return
        if self.best_count < MOST_STATES:
            self.best_states[self.best_count] = self.state
            self.best_count += 1

    cdef int32_t choose(self, int32_t* state) except -2:
        """The next candidate after the last one that was tried, and the state after it; −1 where none is left."""
        cdef Py_ssize_t i, j, kept = 0, count = self.candidates()
        cdef int32_t op, found
        cdef int64_t best
        cdef bint again
        for i in range(count):
            op = self.open[i]
            # What is quiet and has not been placed cannot be. Of two of one kind, the one that must be over first comes
            # first: they might change places. It is tried whenever the other would be.
            again = False
            if self.symmetric:
                for j in range(count):
                    if self.kinds[self.open[j]] == self.kinds[op] and self.ranks[self.open[j]] < self.ranks[op]:
                        again = True
                        break
            if again or self.quiet[op] or self.ranks[op] <= self.last:
                continue
            self.kept[kept] = op
            kept += 1
        best, op = INT32_MAX, -1
        for i in range(kept):
            if self.ranks[self.kept[i]] < best:
                found = self.stepped(self.kept[i])
                if found >= 0:
                    best, op = self.ranks[self.kept[i]], self.kept[i]
                    state[0] = found
        return op

    def run(self, int64_t steps, int64_t limit_bytes):
        """Go on for so many steps: 0 when not done, 1 when an order was found, 2 when there is none, 3 out of memory."""
        cdef int32_t op, state = 0
        cdef uint64_t* row
        if not self.begun:
            self.begun = True
            self.settle()
            if self.complete():
                return FOUND
        while steps > 0:
            steps -= 1
            op = self.choose(&state)
            if op < 0:
                op = self.pop()
                if op < 0:
                    return NONE
                self.last = self.ranks[op]
                continue
            self.push(op, state, False)
            self.settle()
            if self.complete():
                return FOUND
            self.words()
            row = row_of(&self.met, self.key)
            if not is_empty(row):
                self.last = self.ranks[self.pop()]
                continue
            memcpy(row, self.key, self.met.width * sizeof(uint64_t))
            self.entered += 1
            if bytes_of(&self.met) + bytes_of(&self.steps) > limit_bytes or not counted(&self.met):
                return FULL
            self.last = -1
        return RUNNING

    def found(self):
        """The operations that are placed, in order."""
        return [self.order[i] for i in range(self.depth)]

    def furthest(self):
        """The longest order that the search has met, how far it goes, and states that were reached there."""
        order = [self.best[i] for i in range(self.best_depth)]
        return order, self.best_progress, [self.best_states[i] for i in range(self.best_count)]

    def configurations(self):
        """How many configurations were entered."""
        return self.entered


cdef class RealTime(Search):
    """What was over before another began comes before it: linearizability.

    ``events`` are what happened in order: i where operation i begins, −1 − i where it is over. What is never over may
    be placed or not. ``slots`` (n,) number the operations that are open together, each from 0 to ``width`` − 1.
    """

    cdef const int64_t[::1] events, slots
    cdef Py_ssize_t width, now
    cdef uint64_t* occupied
    cdef uint64_t* placed
    cdef int32_t* at
    cdef int32_t* began        # of each placed operation, where the events stood before it

    def __cinit__(self, *_):
        self.occupied = self.placed = NULL
        self.at = self.began = NULL

    def __init__(self, kinds, ranks, quiet, events, slots, Py_ssize_t width, step):
        self.events = checked_labels("events", events)
        self.slots = checked_labels("slots", slots)
        self.width = (width + 63) // 64 if width else 1
        self.prepare(kinds, ranks, quiet, step, 1 + self.width)
        check_equal("slots and kinds", self.slots.shape[0], self.n)
        self.check(width)
        self.symmetric = True
        self.now = 0
        self.occupied = <uint64_t*>calloc(self.width, sizeof(uint64_t))
        self.placed = <uint64_t*>calloc(self.width, sizeof(uint64_t))
        self.at = <int32_t*>calloc(64 * self.width, sizeof(int32_t))
        self.began = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        if NULL in (self.occupied, self.placed) or self.at is NULL or self.began is NULL:
            raise MemoryError
        self.advance()

    def check(self, Py_ssize_t width):
        cdef Py_ssize_t i
        for i in range(self.events.shape[0]):
            if not -self.n <= self.events[i] < self.n:
                raise ValueError(f"events must be of operations from 0 to {self.n - 1}, got {self.events[i]} at {i}")
        for i in range(self.n):
            if not 0 <= self.slots[i] < width:
                raise ValueError(f"slots must be from 0 to {width - 1}, got {self.slots[i]} at {i}")

    cdef void advance(self) noexcept nogil:
        """Go to the first operation that must be placed before anything later may begin."""
        cdef int64_t event, slot
        while self.now < self.events.shape[0]:
            event = self.events[self.now]
            slot = self.slots[event if event >= 0 else -1 - event]
            if event >= 0:
                self.occupied[slot >> 6] |= (<uint64_t>1) << (slot & 63)
                self.at[slot] = <int32_t>event
            elif self.placed[slot >> 6] >> (slot & 63) & 1:
                self.occupied[slot >> 6] &= ~((<uint64_t>1) << (slot & 63))
                self.placed[slot >> 6] &= ~((<uint64_t>1) << (slot & 63))
            else:
                return
            self.now += 1

    cdef Py_ssize_t candidates(self) noexcept nogil:
        cdef Py_ssize_t i, slot, count = 0
        cdef uint64_t word
        for i in range(self.width):
            word, slot = self.occupied[i] & ~self.placed[i], 64 * i
            while word:
                while not word & 0xFF:
                    word, slot = word >> 8, slot + 8
                while not word & 1:
                    word, slot = word >> 1, slot + 1
                self.open[count] = self.at[slot]
                count, word, slot = count + 1, word >> 1, slot + 1
        return count

    cdef void place(self, int32_t op) noexcept nogil:
        self.began[self.depth - 1] = <int32_t>self.now
        self.placed[self.slots[op] >> 6] |= (<uint64_t>1) << (self.slots[op] & 63)
        self.advance()

    cdef void take_back(self, int32_t op) noexcept nogil:
        cdef int64_t event, slot
        while self.now > self.began[self.depth]:
            self.now -= 1
            event = self.events[self.now]
            slot = self.slots[event if event >= 0 else -1 - event]
            if event >= 0:
                self.occupied[slot >> 6] &= ~((<uint64_t>1) << (slot & 63))
            else:
                self.occupied[slot >> 6] |= (<uint64_t>1) << (slot & 63)
                self.placed[slot >> 6] |= (<uint64_t>1) << (slot & 63)
                self.at[slot] = <int32_t>(-1 - event)
        self.placed[self.slots[op] >> 6] &= ~((<uint64_t>1) << (self.slots[op] & 63))

    cdef void words(self) noexcept nogil:
        self.key[0] = (<uint64_t>self.now << 32) | <uint64_t>self.state
        memcpy(self.key + 1, self.placed, self.width * sizeof(uint64_t))

    cdef int64_t progress(self) noexcept nogil:
        return self.now

    cdef bint complete(self) noexcept nogil:
        return self.now == self.events.shape[0]

    def __dealloc__(self):
        free(self.occupied)
        free(self.placed)
        free(self.at)
        free(self.began)


cdef class ProgramOrder(Search):
    """What one process did comes in its own order, whatever the time: sequential consistency.

    ``operations[starts[p]:starts[p + 1]]`` are those of process p in order, that must all be placed. An operation that
    may be placed or not is a chain of its own: ``after`` (chains,) has for each chain how many operations of which
    other chain come before its first, as place·chains + chain; −1 for none, and ``must`` whether it must be placed.
    """

    cdef const int64_t[::1] starts, operations, after, must
    cdef Py_ssize_t chains, left
    cdef int32_t* done
    cdef int32_t* chain_of

    def __cinit__(self, *_):
        self.done = self.chain_of = NULL

    def __init__(self, kinds, ranks, quiet, starts, operations, after, must, step):
        cdef Py_ssize_t c, i
        self.starts = checked_labels("starts", starts)
        self.operations = checked_labels("operations", operations)
        self.after, self.must = checked_labels("after", after), checked_labels("must", must)
        self.chains = self.after.shape[0]
        self.prepare(kinds, ranks, quiet, step, 1 + (self.chains + 1) // 2)
        check_equal("starts and chains + 1", self.starts.shape[0], self.chains + 1)
        check_equal("must and chains", self.must.shape[0], self.chains)
        check_equal("operations and kinds", self.operations.shape[0], self.n)
        self.symmetric = False
        self.left = 0
        self.done = <int32_t*>calloc(self.chains + 2, sizeof(int32_t))
        self.chain_of = <int32_t*>calloc(self.n + 1, sizeof(int32_t))
        if self.done is NULL or self.chain_of is NULL:
            raise MemoryError
        for c in range(self.chains):
            for i in range(self.starts[c], self.starts[c + 1]):
                if not 0 <= i < self.n or not 0 <= self.operations[i] < self.n:
                    raise ValueError(f"operations must be from 0 to {self.n - 1}, got {operations}")
                self.chain_of[self.operations[i]] = <int32_t>c
                self.left += self.must[c] != 0

    cdef Py_ssize_t candidates(self) noexcept nogil:
        cdef Py_ssize_t c, count = 0
        cdef int64_t after
        for c in range(self.chains):
            after = self.after[c]
            if self.starts[c] + self.done[c] == self.starts[c + 1]:
                continue
            if after >= 0 and self.done[after % self.chains] < after // self.chains:
                continue
            self.open[count] = <int32_t>self.operations[self.starts[c] + self.done[c]]
            count += 1
        return count

    cdef void place(self, int32_t op) noexcept nogil:
        self.done[self.chain_of[op]] += 1
        self.left -= self.must[self.chain_of[op]] != 0

    cdef void take_back(self, int32_t op) noexcept nogil:
        self.done[self.chain_of[op]] -= 1
        self.left += self.must[self.chain_of[op]] != 0

    cdef void words(self) noexcept nogil:
        self.key[0] = <uint64_t>self.state
        memcpy(self.key + 1, self.done, (self.chains + 1) // 2 * sizeof(uint64_t))

    cdef bint complete(self) noexcept nogil:
        return self.left == 0

    def __dealloc__(self):
        free(self.done)
        free(self.chain_of)
