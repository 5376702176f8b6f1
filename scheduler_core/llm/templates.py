"""How each family of models wants its instructions and its data laid out.

A small table recognised by marker texts, instead of running the file's own Jinja template, because that
template is hostile input. The result is in gpt4all's own form: `%1` is where it puts the data, tokenised
without special tokens, and everything around it is tokenised with them.
"""

import re
from dataclasses import dataclass

from scheduler_core.errors import ConfigError
from scheduler_core.llm.gguf import Header

_SYSTEM, _USER = "{system}", "{user}"
# What special tokens look like: <|im_end|>, </s>, [INST], <start_of_turn>, ### Response
_MARKER = re.compile(
    r"<\|[^<>|\s]{1,40}\|>|<[^<>\s]{1,40}>|<<[^<>\s]{1,40}>>|\[/?[A-Z_]{2,20}\]|#{2,4} ?[^\W\d]+"
    r"|<\uff5c[^<>\s]{1,40}\uff5c>"
)
_PLACEHOLDER = re.compile(r"%(?=[12](?!\d))")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """One layout.

    Attributes:
        opening: what every prompt starts with; the loader adds the begin-of-text token itself.
        system_before, system_after: around the instructions; left out together with empty instructions.
        user_before, user_after: around the data.
        markers: texts that end or change a turn. They end an answer, and are broken up inside data.
    """

    name: str
    opening: str = ""
    system_before: str = ""
    system_after: str = "\n\n"
    user_before: str = ""
    user_after: str
    markers: tuple[str, ...]

    def render(self, system: str) -> str:
        """The prompt with `%1` in place of the data and `%2` in place of the answer."""
        text = self.opening
        if system:
            text += self.system_before + self.without_markers(_without_nul(system)) + self.system_after
        return _escape_placeholders(text + self.user_before) + "%1" + self.user_after + "%2"

    def without_markers(self, text: str) -> str:
        """`text` in which no marker is left: each gets a space behind its first character."""
        for marker in self.markers:
            pattern = re.compile(re.escape(marker), re.IGNORECASE)
            text = pattern.sub(lambda found: found[0][:1] + " " + found[0][1:], text)
        return text

    def data(self, text: str) -> str:
        """`text` as it can be put in the place of `%1` without ending its turn."""
        return self.without_markers(_without_nul(text))


LLAMA3 = ChatTemplate(
    name="llama3",
    system_before="<|start_header_id|>system<|end_header_id|>\n\n",
    system_after="<|eot_id|>",
    user_before="<|start_header_id|>user<|end_header_id|>\n\n",
    user_after="<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    markers=(
        "<|eot_id|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|end_of_text|>",
        "<|begin_of_text|>",
    ),
)
CHATML = ChatTemplate(
    name="chatml",
    system_before="<|im_start|>system\n",
    system_after="<|im_end|>\n",
    user_before="<|im_start|>user\n",
    user_after="<|im_end|>\n<|im_start|>assistant\n",
    markers=("<|im_end|>", "<|im_start|>", "<|endoftext|>"),
)
GEMMA = ChatTemplate(
    name="gemma",
    opening="<start_of_turn>user\n",
    user_after="<end_of_turn>\n<start_of_turn>model\n",
    markers=("<end_of_turn>", "<start_of_turn>", "<eos>", "<bos>"),
)
LLAMA2 = ChatTemplate(
    name="llama2",
    opening="[INST] ",
    system_before="<<SYS>>\n",
    system_after="\n<</SYS>>\n\n",
    user_after=" [/INST]",
    markers=("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "</s>", "<s>"),
)
MISTRAL = ChatTemplate(
    name="mistral",
    opening="[INST] ",
    user_after=" [/INST]",
    markers=("[INST]", "[/INST]", "</s>", "<s>"),
)
COMMAND_R = ChatTemplate(
    name="command-r",
    system_before="<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>",
    system_after="<|END_OF_TURN_TOKEN|>",
    user_before="<|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
    user_after="<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    markers=(
        "<|END_OF_TURN_TOKEN|>",
        "<|START_OF_TURN_TOKEN|>",
        "<|SYSTEM_TOKEN|>",
        "<|USER_TOKEN|>",
        "<|CHATBOT_TOKEN|>",
    ),
)
PHI3 = ChatTemplate(
    name="phi3",
    system_before="<|system|>\n",
    system_after="<|end|>\n",
    user_before="<|user|>\n",
    user_after="<|end|>\n<|assistant|>\n",
    markers=("<|end|>", "<|user|>", "<|system|>", "<|assistant|>", "<|endoftext|>"),
)
ZEPHYR = ChatTemplate(
    name="zephyr",
    system_before="<|system|>\n",
    system_after="</s>\n",
    user_before="<|user|>\n",
    user_after="</s>\n<|assistant|>\n",
    markers=("</s>", "<|user|>", "<|system|>", "<|assistant|>"),
)
ALPACA = ChatTemplate(
    name="alpaca",
    user_before="### Instruction:\n",
    user_after="\n\n### Response:\n",
    markers=("### Instruction", "### Response", "### Input", "### Human", "### Assistant", "</s>"),
)

DEEPSEEK2 = ChatTemplate(
    name="deepseek2",
    user_before="User: ",
    user_after="\n\nAssistant:",
    markers=(
        "User:",
        "Assistant:",
        "<\uff5cend\u2581of\u2581sentence\uff5c>",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    ),
)
DEEPSEEK3 = ChatTemplate(
    name="deepseek3",
    user_before="<\uff5cUser\uff5c>",
    user_after="<\uff5cAssistant\uff5c>",
    markers=(
        "<\uff5cend\u2581of\u2581sentence\uff5c>",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
        "<\uff5cUser\uff5c>",
        "<\uff5cAssistant\uff5c>",
    ),
)
PHI4 = ChatTemplate(
    name="phi4",
    system_before="<|im_start|>system<|im_sep|>",
    system_after="<|im_end|>",
    user_before="<|im_start|>user<|im_sep|>",
    user_after="<|im_end|><|im_start|>assistant<|im_sep|>",
    markers=("<|im_end|>", "<|im_start|>", "<|im_sep|>", "<|endoftext|>"),
)
GRANITE = ChatTemplate(
    name="granite",
    system_before="<|start_of_role|>system<|end_of_role|>",
    system_after="<|end_of_text|>\n",
    user_before="<|start_of_role|>user<|end_of_role|>",
    user_after="<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
    markers=("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"),
)
VICUNA = ChatTemplate(
    name="vicuna",
    system_after="\n\n",
    user_before="USER: ",
    user_after="\nASSISTANT:",
    markers=("USER:", "ASSISTANT:", "</s>", "<s>"),
)

TEMPLATES = (
    LLAMA3,
    PHI4,
    CHATML,
    GEMMA,
    LLAMA2,
    MISTRAL,
    COMMAND_R,
    GRANITE,
    PHI3,
    ZEPHYR,
    DEEPSEEK3,
    DEEPSEEK2,
    VICUNA,
    ALPACA,
)

# In this order: the first whose texts all occur in the file's own template.
BY_MARKERS: tuple[tuple[tuple[str, ...], ChatTemplate], ...] = (
    (("<|start_header_id|>",), LLAMA3),
    (("<\uff5cUser\uff5c>",), DEEPSEEK3),
    (("<|im_start|>", "<|im_sep|>"), PHI4),
    (("<|start_of_role|>",), GRANITE),
    (("<|im_start|>",), CHATML),
    (("<start_of_turn>",), GEMMA),
    (("<<SYS>>",), LLAMA2),
    (("[INST]",), MISTRAL),
    (("<|START_OF_TURN_TOKEN|>",), COMMAND_R),
    (("<|end|>", "<|user|>"), PHI3),
    (("<|user|>",), ZEPHYR),
    (("USER:", "ASSISTANT:"), VICUNA),
    (("User: ", "Assistant:"), DEEPSEEK2),
)
BY_ARCHITECTURE = {
    "command-r": COMMAND_R,
    "deepseek2": DEEPSEEK2,
    "gemma": GEMMA,
    "gemma2": GEMMA,
    "internlm2": CHATML,
    "phi3": PHI3,
    "qwen": CHATML,
    "qwen2": CHATML,
    "qwen2moe": CHATML,
}
BY_NAME = (
    ("llama3", LLAMA3),
    ("deepseekr1", DEEPSEEK3),
    # Before its base: it was trained on another layout.
    ("hermes2", CHATML),
    ("zephyr", ZEPHYR),
    ("vicuna", VICUNA),
    ("wizardlm", VICUNA),
    ("mistral", MISTRAL),
    ("mixtral", MISTRAL),
    ("hermes", CHATML),
    ("llama2", LLAMA2),
)


def template_for(header: Header) -> ChatTemplate:
    """The layout a model was trained on: by its template, its architecture, its name, else Alpaca."""
    for texts, template in BY_MARKERS:
        if all(text in header.chat_template for text in texts):
            return template
    if header.architecture in BY_ARCHITECTURE:
        return BY_ARCHITECTURE[header.architecture]
    name = re.sub(r"[\s_.-]", "", header.name.lower())
    for text, template in BY_NAME:
        if text in name:
            return template
    return ALPACA


def template_of(setting: str) -> ChatTemplate | None:
    """The layout that a setting asks for: a family's name, or a text with `{system}` and `{user}`.

    In a text `\\n` stands for a new line and every other brace for itself. Whatever looks like a special
    token ends an answer and is broken up inside data; a text without any is cut into its labels instead.
    Empty: None, for choosing by the model's file.

    Raises:
        ConfigError: neither a name nor such a text.
    """
    text = setting.strip().replace("\\n", "\n")
    if not text:
        return None
    for known in TEMPLATES:
        if text.casefold() == known.name:
            return known
    if text.count(_USER) != 1 or text.count(_SYSTEM) > 1 or _SYSTEM in text.partition(_USER)[2]:
        raise ConfigError(
            "LLM_BAWT_MODEL_CHAT_TEMPLATE needs {user} once, and {system} at most once and before it.",
            "Or name a family: " + ", ".join(known.name for known in TEMPLATES) + ".",
        )
    before, after = text.split(_USER)
    opening, has_system, between = before.partition(_SYSTEM)
    labels = [label.strip() for label in (opening, between, after) if label.strip()]
    return ChatTemplate(
        name="own",
        opening=opening,
        system_after="" if has_system else "\n\n",
        user_before=between,
        user_after=after,
        markers=tuple(dict.fromkeys(_MARKER.findall(text) or labels)),
    )


def _escape_placeholders(text: str) -> str:
    """gpt4all knows no escape for `%1` and `%2`; a space keeps them from being placeholders."""
    return _PLACEHOLDER.sub("% ", text)


def _without_nul(text: str) -> str:
    """Native code ends the text at a NUL, and cannot take lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
