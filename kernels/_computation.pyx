# cython: language_level=3, binding=False, auto_pickle=False, embedsignature=True
"""What a computation costs, and a computation that a node can be asked to do: made for each of them, so compiled."""

from libc.math cimport INFINITY
from types import GenericAlias


cdef inline int check_count(str name, double count) except -1:
    if not 0.0 <= count < INFINITY:
        raise ValueError(f"{name} must be finite and at least 0, got {count}")
    return 0


cdef class Cost:
    """What a computation takes: counts of operations and of bytes, never measurements.

    One addition, multiplication, division, comparison or elementary function is one operation; bytes are
    those of the arrays that are read and written once each. Raises ``ValueError`` for counts that are negative,
    infinite or not numbers.
    """

    cdef readonly double flops, bytes

    def __cinit__(self, double flops, double bytes):
        check_count("flops", flops)
        check_count("bytes", bytes)
        self.flops = flops
        self.bytes = bytes

    def __add__(self, other):
        """The cost of doing both."""
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(self.flops + (<Cost> other).flops, self.bytes + (<Cost> other).bytes)

    def __mul__(self, double times):
        """The cost of doing it *times* times."""
        return Cost(self.flops * times, self.bytes * times)

    def __rmul__(self, double times):
        return Cost(self.flops * times, self.bytes * times)

    @staticmethod
    def seconds_of(cost, double flops_per_s, double bytes_per_s):
        """How long what has this *cost*, or one of one's own, takes at these rates: the longer of both."""
        cdef double flops, moved
        if type(cost) is Cost:
            flops, moved = (<Cost> cost).flops, (<Cost> cost).bytes
        else:
            flops, moved = cost.flops, cost.bytes
        cdef double computing_s = flops / flops_per_s, moving_s = moved / bytes_per_s
        return computing_s if computing_s > moving_s else moving_s

    def __eq__(self, other):
        if not isinstance(other, Cost):
            return NotImplemented
        return self.flops == (<Cost> other).flops and self.bytes == (<Cost> other).bytes

    def __hash__(self):
        return hash((self.flops, self.bytes))

    def __repr__(self):
        return f"Cost(flops={self.flops}, bytes={self.bytes})"

    def __reduce__(self):
        return Cost, (self.flops, self.bytes)


cdef class Call:
    """A computation that a node can be asked to do: calling it runs it, ``cost`` says what it costs."""

    cdef readonly object function, cost

    __class_getitem__ = classmethod(GenericAlias)

    def __cinit__(self, function, cost):
        self.function = function
        self.cost = cost

    def __call__(self):
        """Run the computation."""
        return self.function()

    def __eq__(self, other):
        if not isinstance(other, Call):
            return NotImplemented
        return self.function == (<Call> other).function and self.cost == (<Call> other).cost

    def __hash__(self):
        return hash((self.function, self.cost))

    def __repr__(self):
        return f"Call(function={self.function!r}, cost={self.cost!r})"

    def __reduce__(self):
        return Call, (self.function, self.cost)
