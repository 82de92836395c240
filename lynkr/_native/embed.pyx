"""Text to vector with a static embedding model: token ids, a table of rows, their mean.

The same vectors as model2vec's (https://github.com/MinishLab/model2vec), without numpy. The rows of
the known pieces of a text are added up and brought to unit length.

The table stays in the mapped file, which all processes share; a process keeps the hash table of the
pieces (under 1 MB for 30,000) and what it has met of Unicode. Nothing is loaded before ``load``.
"""

import mmap
from math import prod

import msgspec

from lynkr._native.model_files import Tensors, TokenizerFile

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free
from libc.math cimport sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, uint16_t, uint32_t
from libc.string cimport memset

from lynkr._native.wordpiece cimport Ids, WordPieces, allocated

cdef enum:
    ROWS = 256                       # of int8, whose sum fits 16 bits

_DTYPES = {"I8": (I8, 1), "F16": (F16, 2), "F32": (F32, 4)}
_MAPPINGS = {"I32": (4, "i"), "I64": (8, "q")}
_WEIGHTS = {"F16": (2, "e"), "F32": (4, "f"), "F64": (8, "d")}


cdef class TensorFile:
    """A safetensors file, mapped: length of the header, header, values in machine order.

    https://huggingface.co/docs/safetensors. It must not be cut short while it is open.
    """

    def __init__(self, str path not None) -> None:
        with open(path, "rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.mapped:
            raise TypeError("a file is opened once")
        PyObject_GetBuffer(content, &self.view, PyBUF_SIMPLE)
        self.mapped = True
        length = int.from_bytes(content[:8], "little")
        if length > self.view.len - 8:
            raise ValueError("it is not a safetensors file")
        self.begin = 8 + length
        self.tensors = msgspec.json.decode(content[8:self.begin], type=Tensors)

    def __dealloc__(self) -> None:
        if self.mapped:
            PyBuffer_Release(&self.view)

    cdef object tensor(self, str name, dict sizes, int rank):
        """Its description, checked; ``sizes``: bytes per value of the types that may be."""
        tensor = getattr(self.tensors, name)
        if tensor.dtype not in sizes:
            raise ValueError(f"{name} are {tensor.dtype}, not {' or '.join(sizes)}")
        begin, end = tensor.data_offsets
        if len(tensor.shape) != rank:
            raise ValueError(f"{name} have the shape {tensor.shape}")
        size = sizes[tensor.dtype]
        if prod(tensor.shape) * size != end - begin or self.begin + end > self.view.len:
            raise ValueError(f"{name} are cut short, or not of the shape {tensor.shape}")
        if (self.begin + begin) % size:
            raise ValueError(f"{name} are not aligned")
        return tensor

    cdef list values(self, str name, dict types, Py_ssize_t count):
        """A tensor of rank 1 as Python numbers, or None if there is none."""
        cdef Py_ssize_t begin
        if getattr(self.tensors, name) is None:
            return None
        sizes = {dtype: size for dtype, (size, _) in types.items()}
        tensor = self.tensor(name, sizes, 1)
        if tensor.shape[0] != count:
            raise ValueError(f"there are {tensor.shape[0]} {name} for {count} tokens")
        begin = self.begin + tensor.data_offsets[0]
        text = PyBytes_FromStringAndSize(
            <const char*>self.view.buf + begin, count * sizes[tensor.dtype]
        )
        return memoryview(text).cast(types[tensor.dtype][1]).tolist()


cdef union Bits:
    uint32_t u
    float f


cdef inline float _half(uint16_t half) noexcept:
    """IEEE half precision to single, by exponent (subnormal numbers too; infinity is not kept)."""
    cdef Bits bits
    bits.u = <uint32_t>(half & 0x7FFF) << 13
    bits.f *= 5.192296858534828e33  # 2 ** 112
    bits.u |= <uint32_t>(half & 0x8000) << 16
    return bits.f


cdef extern from *:
    """
    /* To each of `sums` its dimension of `count` rows: of at most 256 they fit 16 bits. */
    #define SUM_ROWS(name, attributes)                                                          \\
        attributes static void name(const int8_t *table, const int32_t *rows, Py_ssize_t count, \\
                                    Py_ssize_t dim, int16_t *sums) {                            \\
            Py_ssize_t k = 0;                                                                   \\
            for (; k + 4 <= count; k += 4) {                                                    \\
                const int8_t *a = table + rows[k] * dim, *b = table + rows[k + 1] * dim;        \\
                const int8_t *c = table + rows[k + 2] * dim, *d = table + rows[k + 3] * dim;    \\
                for (Py_ssize_t i = 0; i < dim; i++)                                            \\
                    sums[i] = (int16_t)(sums[i] + a[i] + b[i] + c[i] + d[i]);                   \\
            }                                                                                   \\
            for (; k < count; k++) {                                                            \\
                const int8_t *a = table + rows[k] * dim;                                        \\
                for (Py_ssize_t i = 0; i < dim; i++)                                            \\
                    sums[i] = (int16_t)(sums[i] + a[i]);                                        \\
            }                                                                                   \\
        }
    SUM_ROWS(sum_rows_any, )
    typedef void (*sum_function)(const int8_t *, const int32_t *, Py_ssize_t, Py_ssize_t,
                                 int16_t *);
    static sum_function sum_rows = sum_rows_any;
    #if defined(__x86_64__) && defined(__GNUC__)
    SUM_ROWS(sum_rows_avx2, __attribute__((target("avx2"))))
    #endif

    /* The widest that this machine has, of at most `level`: 0 portable, 1 AVX2. */
    static int choose_sum(int level) {
        sum_rows = sum_rows_any;
    #if defined(__x86_64__) && defined(__GNUC__)
        __builtin_cpu_init();
        if (level >= 1 && __builtin_cpu_supports("avx2")) {
            sum_rows = sum_rows_avx2;
            return 1;
        }
    #endif
        return 0;
    }
    """
    void sum_rows(
        const int8_t* table, const int32_t* rows, Py_ssize_t count, Py_ssize_t dim, int16_t* sums
    ) noexcept nogil
    int choose_sum(int level) noexcept nogil

choose_sum(1)


def use(int level) -> int:
    """For tests: add rows with instructions of this level (0 any, 1 AVX2), or of the highest below
    it that this machine has, which is returned."""
    return choose_sum(level)


cdef void _add_i8(float* total, const int8_t* row, float weight, Py_ssize_t dim) noexcept:
    cdef Py_ssize_t i
    for i in range(dim):
        total[i] += weight * <float>row[i]


cdef void _add_f16(float* total, const uint16_t* row, float weight, Py_ssize_t dim) noexcept:
    cdef Py_ssize_t i
    for i in range(dim):
        total[i] += weight * _half(row[i])


cdef void _add_f32(float* total, const float* row, float weight, Py_ssize_t dim) noexcept:
    cdef Py_ssize_t i
    for i in range(dim):
        total[i] += weight * row[i]


cdef class StaticModel:
    """A static embedding model. Threads may share it; nothing of a call is kept."""

    def __init__(self) -> None:
        raise TypeError("a model comes from StaticModel.load")

    @staticmethod
    def load(str folder not None):
        """Read ``tokenizer.json`` and map ``model.safetensors``, as model2vec writes them.

        Tensors: ``embeddings`` (I8, F16 or F32) and, where the rows are shared between tokens,
        ``mapping`` and ``weights``. Raises ValueError with what is wrong with which file.
        """
        cdef StaticModel model = StaticModel.__new__(StaticModel)
        path = f"{folder}/tokenizer.json"
        try:
            with open(path, "rb") as file:
                model.tokenizer = WordPieces(msgspec.json.decode(file.read(), type=TokenizerFile))
            path = f"{folder}/model.safetensors"
            model.file = TensorFile(path)
            model._take_tensors()
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}") from None
        except (ValueError, OverflowError) as error:  # msgspec's are among them
            raise ValueError(f"{path}: {error}") from None
        return model

    cdef int _take_tensors(self) except -1:
        cdef Py_ssize_t begin, tokens = self.tokenizer.vocabulary.size, i
        cdef bytearray room
        cdef int32_t* rows
        cdef float* weights
        sizes = {dtype: size for dtype, (_, size) in _DTYPES.items()}
        tensor = self.file.tensor("embeddings", sizes, 2)
        count, dim = tensor.shape
        if not 1 <= dim <= DIM_MAX:
            raise ValueError(f"embeddings have {dim} dimensions")
        begin = self.file.begin + tensor.data_offsets[0]
        self.table = <const char*>self.file.view.buf + begin
        self.dtype, self.value_bytes = _DTYPES[tensor.dtype]
        self.dim = dim
        mapping = self.file.values("mapping", _MAPPINGS, tokens)
        weighted = self.file.values("weights", _WEIGHTS, tokens)
        self.kept = []
        if mapping is not None:
            if not all(0 <= row < count for row in mapping):
                raise ValueError("mapping leads outside of the embeddings")
            room = bytearray(4 * tokens)
            self.kept.append(room)
            rows = <int32_t*>PyByteArray_AS_STRING(room)
            for i in range(tokens):
                rows[i] = mapping[i]
            self.rows = rows
        elif count != tokens:
            raise ValueError(f"there are {count} embeddings for {tokens} tokens")
        if weighted is not None:
            room = bytearray(4 * tokens)
            self.kept.append(room)
            weights = <float*>PyByteArray_AS_STRING(room)
            for i in range(tokens):
                weights[i] = weighted[i]
            self.weights = weights
        return 0

    def ids(self, bytes text not None) -> list[int]:
        """The tokenizer's ids of the whole text (UTF-8), the unknown token among them."""
        cdef Ids ids = Ids(NULL, 0, 0, len(text), NULL, 0)
        cdef Py_ssize_t i
        # One code point may be several characters once normalised, and each a piece.
        ids.count_max = 4 * len(text) + 4
        try:
            self.tokenizer.split(<const char*>text, len(text), &ids)
            return [ids.at[i] for i in range(ids.count)]
        finally:
            PyMem_Free(ids.at)

    def embed(self, bytes text not None, Py_ssize_t tokens_max = 512) -> bytes:
        """``dim`` float32 in machine order, of unit length; zeros if no word is known.

        Text beyond the first ``tokens_max`` tokens is not looked at, nor is text beyond
        ``tokens_max`` times the median length of a piece in characters, as in model2vec.
        """
        cdef Ids ids = Ids(NULL, 0, 0, max(tokens_max, 0), NULL, 0)
        cdef const char* data = text
        cdef Py_ssize_t length = len(text), chars, i
        cdef bytes vector
        chars = min(ids.count_max, length) * self.tokenizer.vocabulary.chars_median
        if length > chars:
            for i in range(length):
                if data[i] & 0xC0 != 0x80:
                    chars -= 1
                    if chars < 0:
                        length = i
                        break
        if self.rows == NULL:
            ids.table = self.table
            ids.row_bytes = self.dim * self.value_bytes
        try:
            self.tokenizer.split(data, length, &ids)
            vector = PyBytes_FromStringAndSize(NULL, self.dim * <Py_ssize_t>sizeof(float))
            self._pool(&ids, <float*>PyBytes_AS_STRING(vector))
            return vector
        finally:
            PyMem_Free(ids.at)

    cdef int _pool(self, Ids* ids, float* out) except -1:
        cdef Py_ssize_t i, row, dim = self.dim
        cdef int32_t token
        cdef float weight
        cdef double square = 0, scale
        memset(out, 0, <size_t>dim * sizeof(float))
        if self.dtype == I8 and self.weights == NULL:
            self._pool_i8(ids, out)
        else:
            for i in range(ids.count):
                token = ids.at[i]
                if token == self.tokenizer.unknown:
                    continue
                row = self.rows[token] if self.rows != NULL else token
                weight = self.weights[token] if self.weights != NULL else 1
                if self.dtype == I8:
                    _add_i8(out, <const int8_t*>self.table + row * dim, weight, dim)
                elif self.dtype == F16:
                    _add_f16(out, <const uint16_t*>self.table + row * dim, weight, dim)
                else:
                    _add_f32(out, <const float*>self.table + row * dim, weight, dim)
        for i in range(dim):
            square += <double>out[i] * out[i]
        if square > 0:
            scale = 1 / sqrt(square)
            for i in range(dim):
                out[i] = <float>(out[i] * scale)
        return 0

    cdef int _pool_i8(self, Ids* ids, float* out) except -1:
        """Rows of whole numbers: exact, in whatever order."""
        cdef int32_t rows[ROWS]
        cdef Py_ssize_t at, i, used = 0, dim = self.dim
        cdef int32_t token
        cdef int32_t* counts = <int32_t*>allocated(
            <size_t>dim * (sizeof(int32_t) + sizeof(int16_t))
        )
        cdef int16_t* sums = <int16_t*>(counts + dim)
        for at in range(ids.count):
            token = ids.at[at]
            if token != self.tokenizer.unknown:
                rows[used] = self.rows[token] if self.rows != NULL else token
                used += 1
            if used == ROWS or at == ids.count - 1:
                sum_rows(<const int8_t*>self.table, rows, used, dim, sums)
                for i in range(dim):
                    counts[i] += sums[i]
                    sums[i] = 0
                used = 0
        for i in range(dim):
            out[i] = <float>counts[i]
        PyMem_Free(counts)
        return 0


cdef double cosine_of(const float* left, const float* right, Py_ssize_t count) noexcept:
    cdef Py_ssize_t i, j
    cdef float sums[8]
    cdef double total = 0
    # Eight sums that do not wait for each other; a compiler may not reorder one.
    memset(sums, 0, sizeof(sums))
    for i in range(0, count - 7, 8):
        for j in range(8):
            sums[j] += left[i + j] * right[i + j]
    for i in range(count - count % 8, count):
        total += left[i] * right[i]
    for j in range(8):
        total += sums[j]
    return min(1.0, max(-1.0, total))  # rounding may lead beyond


def similarity(bytes a not None, bytes b not None) -> float:
    """The cosine of two vectors that ``embed`` returned. Raises ValueError if they do not match."""
    if len(a) != len(b) or len(a) % 4:
        raise ValueError(f"vectors of {len(a)} and {len(b)} bytes")
    return cosine_of(<const float*><const char*>a, <const float*><const char*>b, len(a) // 4)
