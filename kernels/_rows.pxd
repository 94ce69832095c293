"""A hash table of rows of words, found by the first of them; the rest of a row is its value. Linear probing."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset


cdef enum:
    ROOM = 64  # for rows, at first


ctypedef struct Rows:
    uint64_t* rows
    Py_ssize_t width   # words of a row
    Py_ssize_t keyed   # of which so many find it; the first of them is never ~0, which says that a row is empty
    Py_ssize_t room
    Py_ssize_t used


cdef inline uint64_t hash_of(const uint64_t* words, Py_ssize_t count) noexcept nogil:
    # Each word goes through the finaliser of SplitMix64 (Steele, Lea & Flood 2014).
    cdef uint64_t word = 0
    cdef Py_ssize_t i
    for i in range(count):
        word += <uint64_t>0x9E3779B97F4A7C15 + words[i]
        word = (word ^ (word >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        word = (word ^ (word >> 27)) * <uint64_t>0x94D049BB133111EB
        word ^= word >> 31
    return word


cdef inline int64_t bytes_of(const Rows* table) noexcept nogil:
    return table.room * table.width * <int64_t>sizeof(uint64_t)


cdef inline bint made_rows(Rows* table, Py_ssize_t width, Py_ssize_t keyed) noexcept nogil:
    """Make an empty table; False where there is no memory for it."""
    table.width, table.keyed, table.room, table.used = width, keyed, ROOM, 0
    table.rows = <uint64_t*>malloc(bytes_of(table))
    if table.rows is not NULL:
        memset(table.rows, 0xFF, bytes_of(table))
    return table.rows is not NULL


cdef inline bint is_empty(const uint64_t* row) noexcept nogil:
    return row[0] == ~<uint64_t>0


cdef inline uint64_t* row_of(const Rows* table, const uint64_t* key) noexcept nogil:
    """The row of a key, or the empty one where it would stand."""
    cdef Py_ssize_t place = <Py_ssize_t>(hash_of(key, table.keyed) & <uint64_t>(table.room - 1))
    cdef uint64_t* row = table.rows + place * table.width
    while not is_empty(row) and memcmp(row, key, table.keyed * sizeof(uint64_t)) != 0:
        place = (place + 1) & (table.room - 1)
        row = table.rows + place * table.width
    return row


cdef inline bint counted(Rows* table) noexcept nogil:
    """Count the row that was filled and keep the table half empty; False where there is no memory for that."""
    cdef Rows larger = table[0]
    cdef Py_ssize_t i
    table.used += 1
    if 2 * table.used < table.room:
        return True
    larger.room, larger.used = 2 * table.room, table.used
    larger.rows = <uint64_t*>malloc(bytes_of(&larger))
    if larger.rows is NULL:
        return False
    memset(larger.rows, 0xFF, bytes_of(&larger))
    for i in range(table.room):
        if not is_empty(table.rows + i * table.width):
            memcpy(row_of(&larger, table.rows + i * table.width), table.rows + i * table.width,
                   table.width * sizeof(uint64_t))
    free(table.rows)
    table[0] = larger
    return True
