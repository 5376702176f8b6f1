"""Layouts of prompts: recognised from the file, and closed to what the data says."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_core.llm.gguf import Header, read_header
from scheduler_core.llm.templates import (
    ALPACA,
    BY_ARCHITECTURE,
    BY_MARKERS,
    BY_NAME,
    CHATML,
    COMMAND_R,
    DEEPSEEK2,
    DEEPSEEK3,
    GEMMA,
    GRANITE,
    LLAMA2,
    LLAMA3,
    MISTRAL,
    PHI3,
    PHI4,
    TEMPLATES,
    VICUNA,
    ZEPHYR,
    ChatTemplate,
    template_for,
)


@pytest.fixture
def header(answering: Path) -> Header:
    return read_header(answering)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{'<|start_header_id|>' + message['role']}}", LLAMA3),
        ("{{'<|im_start|>' + message['role'] + '\n'}}", CHATML),
        ("{{'<start_of_turn>' + role}}", GEMMA),
        ("{{'[INST] <<SYS>>' + system}}", LLAMA2),
        ("{{'[INST] ' + content + ' [/INST]'}}", MISTRAL),
        ("{{'<|START_OF_TURN_TOKEN|><|USER_TOKEN|>'}}", COMMAND_R),
        ("{{'<|user|>' + content + '<|end|>'}}", PHI3),
        ("{{'<|user|>' + content + eos_token}}", ZEPHYR),
        ("{{ something else }}", ALPACA),
    ],
)
def test_the_layout_is_recognised_by_the_file_s_own_template(
    header: Header, text: str, expected: ChatTemplate
) -> None:
    assert template_for(replace(header, chat_template=text)) is expected


def test_without_a_template_architecture_and_then_name_decide(header: Header) -> None:
    assert template_for(replace(header, architecture="gemma2")) is GEMMA
    assert template_for(replace(header, name="Meta Llama 3 8B Instruct")) is LLAMA3
    assert template_for(header) is ALPACA


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_instructions_come_before_data_and_data_before_the_answer(template: ChatTemplate) -> None:
    text = template.render("Be brief {and} exact.")
    assert text.index("Be brief {and} exact.") < text.index("%1") < text.index("%2")
    assert text.endswith("%2")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
@given(system=st.one_of(st.text(max_size=30), st.sampled_from(["%1", "%2", "100%1", "%12 %1%2"])))
def test_instructions_cannot_add_placeholders_or_turns(template: ChatTemplate, system: str) -> None:
    text = template.render(system)
    assert text.count("%1") - text.count("%12") >= 1
    body = text.removesuffix("%1" + template.user_after + "%2")
    assert body != text
    assert not any(f"%{digit}{after}" in body + "x" for digit in "12" for after in (" ", "\n", "x", "%"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
@given(data=st.data())
def test_data_cannot_hold_a_marker(template: ChatTemplate, data: st.DataObject) -> None:
    pieces = st.one_of(
        st.sampled_from(template.markers),
        st.sampled_from([marker.upper() for marker in template.markers]),
        st.sampled_from([marker[: len(marker) // 2] for marker in template.markers]),
        st.text(max_size=4),
    )
    text = "".join(data.draw(st.lists(pieces, max_size=8)))
    cleaned = template.data(text).lower()
    assert not any(marker.lower() in cleaned for marker in template.markers)


def test_data_that_native_code_cannot_take_is_replaced() -> None:
    assert ALPACA.data("a\0b\ud800c") == "a\ufffdb?c"
    assert ALPACA.data("plain {text} 100% 日本") == "plain {text} 100% 日本"


def test_the_guide_lists_every_layout_and_what_it_is_recognised_by() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    listed = guide.partition("<!-- layouts -->\n")[2].partition("<!-- end -->")[0].splitlines()
    assert listed == [_row(template) for template in TEMPLATES]


def _row(template: ChatTemplate) -> str:
    if template is ALPACA:
        return "| `alpaca` | everything else |"
    texts = [" ".join(f"`{text}`" for text in found) for found, other in BY_MARKERS if other is template]
    architectures = sorted(name for name, other in BY_ARCHITECTURE.items() if other is template)
    names = sorted(name for name, other in BY_NAME if other is template)
    parts = [text.replace("|", "\\|") for text in texts]
    parts += [f"architecture {', '.join(architectures)}"] * bool(architectures)
    parts += [f"name {', '.join(names)}"] * bool(names)
    return f"| `{template.name}` | {'; '.join(parts)} |"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{'<|im_start|>user<|im_sep|>'}}", PHI4),
        ("{{'<|start_of_role|>user<|end_of_role|>'}}", GRANITE),
        ("{{'<\uff5cUser\uff5c>' + content + '<\uff5cAssistant\uff5c>'}}", DEEPSEEK3),
        ("{{'User: ' + content + '\n\nAssistant:'}}", DEEPSEEK2),
        ("{{'USER: ' + content + ' ASSISTANT:'}}", VICUNA),
    ],
)
def test_more_families_are_recognised(header: Header, text: str, expected: ChatTemplate) -> None:
    assert template_for(replace(header, chat_template=text)) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Nous Hermes 2 Mistral DPO", CHATML),
        ("Mistral-7B-Instruct-v0.1", MISTRAL),
        ("DeepSeek-R1-Distill-Llama-8B", DEEPSEEK3),
        ("zephyr-7b-beta", ZEPHYR),
        ("WizardLM 13B v1.2", VICUNA),
    ],
)
def test_a_file_without_a_template_is_recognised_by_its_name(
    header: Header, name: str, expected: ChatTemplate
) -> None:
    assert template_for(replace(header, chat_template="", name=name)) is expected
