# Token counts of UTF-8 text by the vocabulary of o200k_base.

# Tokens of a text. Raises OSError if the table was not installed with the package.
cdef Py_ssize_t count_bytes(const unsigned char* text, Py_ssize_t length) except -1

# The same of the content of a JSON string, without its quotes; `escaped`: it may hold a backslash.
cdef Py_ssize_t count_json(
    const unsigned char* text, Py_ssize_t length, bint escaped
) except -1
