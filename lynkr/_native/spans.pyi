from lynkr._native.splice import replaced as replaced
from lynkr._native.splice import string_token as string_token
from lynkr._native.splice import string_value as string_value

Span = tuple[int, int]

MESSAGES: int
CHAT: int
RESPONSES: int

TEXT: int
CALL: int
RESULT: int
OTHER: int
THINKING: int
IMAGE: int

class ToolSpan:
    start: int
    end: int
    name: bytes
    kind: bytes
    marked: bool
    deferred: bool
    name_escaped: bool
    @property
    def description(self) -> Span | None: ...
    @property
    def schema(self) -> Span | None: ...

class Block:
    kind: int
    start: int
    end: int
    message: int
    index: int
    marked: bool
    is_error: bool
    plain: bool
    text_start: int  # -1: none
    text_end: int
    arguments_start: int  # -1: none
    arguments_end: int
    name: bytes
    call_id: bytes
    @property
    def text(self) -> Span | None: ...
    @property
    def texts(self) -> tuple[Span, ...]: ...
    @property
    def arguments(self) -> Span | None: ...

class Message:
    start: int
    end: int
    first: int
    count: int
    role: bytes
    kind: bytes
    @property
    def content(self) -> Span | None: ...

class Layout:
    dialect: int
    marks: int
    system_blocks: list[Block]
    tool_list: list[ToolSpan]
    message_list: list[Message]
    blocks: list[Block]
    keys: dict[bytes, Span]
    @property
    def model(self) -> Span | None: ...
    @property
    def stream(self) -> Span | None: ...
    @property
    def system(self) -> Span | None: ...
    @property
    def tools(self) -> Span | None: ...
    @property
    def tool_choice(self) -> Span | None: ...
    @property
    def messages(self) -> Span | None: ...

class Reader: ...  # one walk over a body; for compiled code only

def scan(body: bytes, dialect: int) -> Layout | None: ...
