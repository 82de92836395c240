# C types of the features of an ask. Masks of classes have 63 bits at most.
cimport cython

cdef Py_ssize_t _AMOUNT, _ANALYSE, _AUDIT, _AUTO, _BOUND, _BRIEF, _CODE, _COSMETIC, _DANGER
cdef Py_ssize_t _DEEP, _DESIGN, _DOMAIN, _EDIT, _EXPLAIN, _FACTOID, _FIX, _FLAKY, _LASTING
cdef Py_ssize_t _HELPER, _HOWTO, _LOOKUP, _MANY, _MIGRATE, _NOVEL, _ORDER, _PART, _PLAN, _PROD
cdef Py_ssize_t _PROVE, _REFACTOR, _RUN, _SMALL, _STACK, _SYMPTOM, _TESTS, _THINK, _UNIT
cdef Py_ssize_t _VAGUE, _WHOLE, _WRITE
cdef tuple _PROTECTED, _COUNTED_PLACES, _FLAGGED_BITS, _OPENED_BITS, _VERBS
cdef long _CHANGING, _HARMLESS, _RUNNING, _SEARCHING, _BROWSING, _DEPLOYING, _LOOKING_FIRST
cdef long _CLOSED, _PROTECTED_BITS, _HARD, _ASKING, _HARD_VERBS, _IDLE, _KNOWN, _MAKING, _BROAD
cdef long _DESIGNS, _UNITS, _SMALLER, _LOOKS, _FACTOIDS, _EXPLAINS
cdef Py_ssize_t _FEW, _TALE, _AMOUNTS
cdef double _CHARS_PER_TOKEN, _HALF_AT_ONE, _HALF_AT_TWO

cdef double _full(double amount, double half)
cdef double _ramp(double amount, double begin, double end)
cdef double _tokens(reading, ask)

@cython.locals(tokens=double)
cpdef double token_count(reading, ask, seen)

@cython.locals(counts=list)
cpdef double code_complexity(reading, ask, seen)

@cython.locals(counts=list)
cpdef double reasoning_markers(reading, ask, seen)

@cython.locals(counts=list, objects=Py_ssize_t, place=Py_ssize_t, changes=double, harmless=double,
               mask=long)
cpdef double risk_patterns(reading, ask, seen)

@cython.locals(counts=list)
cpdef double agentic_signals(reading, ask, seen)

@cython.locals(counts=list)
cpdef double technical_depth(reading, ask, seen)

@cython.locals(counts=list)
cpdef double domain_specificity(reading, ask, seen)

@cython.locals(counts=list, amount=double)
cpdef double multi_step_structure(reading, ask, seen)

@cython.locals(counts=list, amount=double)
cpdef double analysis_depth(reading, ask, seen)

@cython.locals(counts=list, amount=double)
cpdef double code_generation(reading, ask, seen)

@cython.locals(mask=long, kinds=Py_ssize_t)
cpdef double tool_complexity(reading, ask, seen)

@cython.locals(counts=list, amount=double, mask=long)
cpdef double tool_chain_potential(reading, ask, seen)

cpdef double conversation_depth(reading, ask, seen)
cpdef double prior_tool_use(reading, ask, seen)

@cython.locals(counts=list, named=double)
cpdef double ambiguity(reading, ask, seen)

cpdef tuple dimensions(reading, ask, seen)

@cython.locals(counts=list, mask=long, opening=long, found=list, place=Py_ssize_t, bit=long,
               size=Py_ssize_t, verbs=Py_ssize_t, making=bint, broad=bint, whole=double,
               parts=double, deep=double, protected=bint, hard=bint, question=bint, free=bint,
               about=Py_ssize_t, last=long, questions=Py_ssize_t, sentences=Py_ssize_t,
               paths=Py_ssize_t, symbols=Py_ssize_t)
cpdef tuple features(reading, ask, seen)

@cython.locals(counts=list, ends=Py_ssize_t)
cdef bint _moves(reading)

@cython.locals(counts=list, told=Py_ssize_t, given=Py_ssize_t)
cdef double _story(reading)

@cython.locals(about=Py_ssize_t, last=long, sentence=Py_ssize_t, asks=bint, place=Py_ssize_t,
               bits=long)
cdef tuple _sentences(reading)
