// Templates: which fields become text, which of it is scored, and what is refused.
#include "neutra/train/text_template.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;
using samples::fails_with;
using train::RecordText;
using train::TextTemplate;

namespace {

RecordText made(const std::string& text, const io::Json& record) {
  RecordText into;
  TextTemplate(text, "--template").append(record, "here", into);
  return into;
}
auto reading(const std::string& text) {
  return [=] { TextTemplate(text, "--template"); };
}
train::RecordTemplates by_role() {
  train::RecordTemplates templates;
  templates.roles.try_emplace("user", "Q: {content}\\n", "--role-template user");
  templates.roles.try_emplace("assistant", "A: {content!}\\n", "--role-template assistant");
  return templates;
}

}  // namespace

TEST_CASE("templates: fields and text in order, and only fields with the mark are scored") {
  const io::Json record = {{"ask", "How?"}, {"say", "So."}, {"more", ""}};
  const RecordText text = made("Ask: {ask}\\n{say!}", record);
  CHECK(text.bytes == "Ask: How?\nSo.");
  CHECK(text.unscored == data::Runs{{0, 10}});
  CHECK(made("{say!}{more}{say!}", record).unscored.empty());
  CHECK(made("{say!} {say!}", record).unscored == data::Runs{{3, 4}});
  CHECK(made("{more!}{ask}", record).unscored == data::Runs{{0, 4}});
  CHECK(made(R"(a\tb\\n{{{say!}}}\n)", record).bytes == "a\tb\\n{So.}\n");
  CHECK(TextTemplate("{ask}{say!}", "").scores());
  CHECK_FALSE(TextTemplate("{ask}{say}", "").scores());
}

TEST_CASE("templates: what is no template is an error that says how it is written") {
  CHECK(fails_with(reading("{say"), "--template: the name of a field must end in }, got say; {{ stands for a brace"));
  CHECK(fails_with(reading("a } b"), "--template: a brace must enclose the name of a field, got one at byte 2"));
  CHECK(fails_with(reading("{}"), "--template: a field must have a name, as in {response!}, got none"));
  CHECK(fails_with(reading("{!}"), "a field must have a name"));
  CHECK(fails_with(reading("\\x{say!}"), "a backslash must stand before n, t or a backslash, got x"));
  CHECK(fails_with(reading("{say!}\\"), "a backslash must stand before n, t or a backslash, got the end"));
}

TEST_CASE("templates: a field that a record lacks, or that is no string, is named") {
  const io::Json record = {{"ask", "How?"}, {"say", 1}};
  CHECK(fails_with([&] { made("{answer!}", record); },
                   "here: must have the field \"answer\", got ask, say; --template names the field of the text"));
  CHECK(fails_with([&] { made("{says!}", record); }, "did you mean 'say'?)"));
  CHECK(fails_with([&] { made("{say!}", record); }, "here: the field \"say\" must be a string, got 1; --template"));
}

TEST_CASE("templates by role: the messages of a record in order") {
  const io::Json user = {{"role", "user"}, {"content", "How?"}},
                 assistant = {{"role", "assistant"}, {"content", "So."}};
  const RecordText text = by_role().text_of({{"messages", {user, assistant, user, assistant}}}, "here");
  CHECK(text.bytes == "Q: How?\nA: So.\nQ: How?\nA: So.\n");
  CHECK(text.unscored == data::Runs{{0, 11}, {14, 26}, {29, 30}});
  CHECK(by_role().text_of({{"messages", io::Json::array()}}, "here").bytes.empty());
}

TEST_CASE("templates by role: what is no list of messages is an error by its place") {
  const auto of = [](const io::Json& record) { return [=] { by_role().text_of(record, "here"); }; };
  CHECK(fails_with(of({{"text", "a"}}), "here: must have the field \"messages\", got text"));
  CHECK(fails_with(of({{"messages", "a"}}), "here: the field \"messages\" must be a list, got string"));
  CHECK(fails_with(of({{"messages", {1}}}), "here, message 1: must be a JSON object, got 1"));
  CHECK(fails_with(of({{"messages", {{{"role", "user"}}}}}), "here, message 1: must have the field \"content\""));
  CHECK(fails_with(of({{"messages", {{{"role", "tool"}, {"content", ""}}}}}),
                   "here, message 1: the role must be one of assistant, user, got tool; give --role-template"));
}

TEST_CASE("templates: at least one field must be scored") {
  train::RecordTemplates templates;
  CHECK_NOTHROW(templates.check());
  templates.whole.emplace("{ask}", "--template");
  CHECK(fails_with([&] { templates.check(); }, "--template: at least one field must be scored, got none; mark it"));
  CHECK_NOTHROW(by_role().check());
  templates = by_role();
  templates.roles.erase("assistant");
  CHECK(fails_with([&] { templates.check(); }, "--role-template: at least one field must be scored"));
}
