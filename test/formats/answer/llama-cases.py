"""llama-cases.py TREE OUT.jsonl: the answers in llama.cpp's own chat tests, one JSON document a line.

Compiles the part of TREE/tests/test-chat.cpp that lists them with a printer in place of its parser, so nothing of it has to
be copied. TREE is what ../shared/peers/get-llama-cpp.sh makes; needs g++. About a minute.
"""
import pathlib
import subprocess
import sys
import tempfile

tree, out = pathlib.Path(sys.argv[1]), sys.argv[2]
lines = (tree / 'tests/test-chat.cpp').read_text().split('\n')


def at(mark: str, start: int = 0) -> int:
    return next(i for i in range(start, len(lines)) if mark in lines[i])


def part(first: str, end: str) -> str:
    start = at(first)
    return '\n'.join(lines[start:at(end, start)])


def drop(mark: str, end: str, lead: int = 0) -> None:
    """Leaves out what needs the library itself: from so many lines before the mark to the end of the block around it."""
    start, stop = at(mark) - lead, at(end, at(mark))
    while lines[stop] != '    }':
        stop -= 1
    lines[start:stop] = [''] * (stop - start)


drop('additional tests for https://github.com/ggml-org/llama.cpp/pull/21760', 'Qwen-QwQ-32B (reasoning', lead=1)
drop('find(g_template_filter) != std::string::npos', 'Ling 3.0')

head = '''
#include "chat-auto-parser.h"
#include "chat.h"
#include "common.h"
#include "log.h"
#include <algorithm>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <set>
#include <nlohmann/json.hpp>
#define json nlohmann::ordered_json
#undef LOG_DBG
#undef LOG_INF
#undef LOG_ERR
#define LOG_DBG(...)
#define LOG_INF(...)
#define LOG_ERR(...)
extern "C" void ggml_abort(const char *, int, const char *, ...) { abort(); }
void common_chat_templates_free(common_chat_templates *) {}
static std::string read_file(const std::string & path) { return path; }
static common_chat_templates_ptr read_templates(const std::string &) { return nullptr; }
static std::string g_template_filter;
static std::string the_path;
'''
printer = '''
static json message_json(const common_chat_msg & m) {
    json j = {{"role", m.role}, {"content", m.content}, {"reasoning_content", m.reasoning_content}};
    j["tool_calls"] = json::array();
    for (auto & c : m.tool_calls) j["tool_calls"].push_back({{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
    if (!m.tool_name.empty()) j["name"] = m.tool_name;
    if (!m.tool_call_id.empty()) j["tool_call_id"] = m.tool_call_id;
    return j;
}
static void test_peg_parser(common_chat_templates *, const std::function<void(peg_test_case &)> & init, bool) {
    peg_test_case tc;
    init(tc);
    json j = {{"template", the_path}, {"output", tc.input}, {"expected", message_json(tc.expect)}};
    j["messages"] = json::array();
    for (auto & m : tc.params.messages) j["messages"].push_back(message_json(m));
    j["tools"] = json::array();
    for (auto & t : tc.params.tools)
        j["tools"].push_back({{"type", "function"}, {"function", {{"name", t.name}, {"parameters", json::parse(t.parameters)}}}});
    j["enable_thinking"] = tc.params.enable_thinking;
    j["reasoning"] = tc.params.reasoning_format == COMMON_REASONING_FORMAT_NONE ? "content" : "split";
    j["is_whole"] = !tc.is_partial && (int) tc.params.continue_final_message == 0 && tc.params.json_schema.empty();
    std::cout << j.dump() << "\\n";
}
'''
body = '\n'.join([
    part('static common_chat_tool special_function_tool{', 'struct make_peg_parser {'),
    printer,
    part('// Fluent builder for PEG parser tests', 'static void test_msgs_oaicompat_json_conversion() {'),
    part('// Shared LFM2 parser cases', 'static void test_template_generation_prompt() {'),
]).replace(
    'test_peg_parser(tester_.tmpls_.get()',
    'the_path = tester_.template_path(); test_peg_parser(tester_.tmpls_.get()',
)
with tempfile.TemporaryDirectory() as folder:
    source, program = f'{folder}/cases.cpp', f'{folder}/cases'
    pathlib.Path(source).write_text(f'{head}{body}\nint main() {{ test_template_output_peg_parsers(false); }}\n')
    includes = [f'-I{tree / name}' for name in ('common', 'include', 'ggml/include', 'vendor', 'src')]
    # What would read templates is never called, so it need not be there.
    flags = ['-std=c++17', '-O0', '-w', '-no-pie', '-Wl,--unresolved-symbols=ignore-all', '-Wl,--gc-sections', '-ffunction-sections']
    subprocess.run(['g++', *flags, *includes, source, '-o', program], check=True)
    pathlib.Path(out).write_bytes(subprocess.run([program], check=True, stdout=subprocess.PIPE).stdout)
