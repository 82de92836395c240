"""What stands in the files of a model that ``embed.pyx`` can use; msgspec refuses the rest."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

WORD_CHARS_MAX = 400  # as in wordpiece.pxd; 100 in every BERT tokenizer


class AddedToken(Struct, frozen=True):
    """A piece that is found in the text as it stands, before anything else is done to it."""

    id: Annotated[int, Meta(ge=0, le=2**30)]
    content: Annotated[str, Meta(min_length=1)]
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False

    def is_plain(self) -> bool:
        return not (self.single_word or self.lstrip or self.rstrip or self.normalized)


class Normalizer(Struct, frozen=True):
    type: Literal["BertNormalizer"]
    clean_text: bool
    handle_chinese_chars: bool
    lowercase: bool
    strip_accents: bool | None = None  # not said: as lowercase


class PreTokenizer(Struct, frozen=True):
    type: Literal["BertPreTokenizer"]


class Model(Struct, frozen=True):
    type: Literal["WordPiece"]
    vocab: Raw  # read without an object for each of tens of thousands of pieces
    unk_token: str
    continuing_subword_prefix: Literal["##"]
    max_input_chars_per_word: Annotated[int, Meta(ge=1, le=WORD_CHARS_MAX)]


class TokenizerFile(Struct, frozen=True):
    normalizer: Normalizer
    pre_tokenizer: PreTokenizer
    model: Model
    added_tokens: tuple[AddedToken, ...] = ()


class Tensor(Struct, frozen=True):
    """One tensor of a safetensors file: its place counts from the end of the header."""

    dtype: str
    shape: tuple[Annotated[int, Meta(ge=0, le=2**31)], ...]
    data_offsets: tuple[Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=0)]]


class Tensors(Struct, frozen=True):
    """The header of a safetensors file with a model2vec model."""

    embeddings: Tensor
    mapping: Tensor | None = None  # a token's row, where tokens share rows
    weights: Tensor | None = None  # a token's factor
