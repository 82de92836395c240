from libc.stdint cimport int32_t

from lynkr._native.wordpiece cimport Ids, WordPieces

cdef enum:
    I8
    F16
    F32

cdef enum:
    DIM_MAX = 65536                  # of any model by far; bounds what a call takes

cdef class TensorFile:
    cdef Py_buffer view
    cdef bint mapped
    cdef object tensors              # the header, model_files.Tensors
    cdef Py_ssize_t begin            # of the tensors' bytes

    cdef object tensor(self, str name, dict sizes, int rank)
    cdef list values(self, str name, dict types, Py_ssize_t count)

cdef class StaticModel:
    cdef readonly int dim
    cdef WordPieces tokenizer
    cdef TensorFile file
    cdef const char* table           # rows of dim values, in the mapped file
    cdef int dtype
    cdef Py_ssize_t value_bytes      # of one value
    cdef list kept                   # what the two pointers below point into
    cdef const float* weights        # per token, or NULL
    cdef const int32_t* rows         # per token, or NULL: the token's id is its row

    cdef int _take_tensors(self) except -1
    cdef int _pool(self, Ids* ids, float* out) except -1
    cdef int _pool_i8(self, Ids* ids, float* out) except -1

cdef double cosine_of(const float* left, const float* right, Py_ssize_t count) noexcept
