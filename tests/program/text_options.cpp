// The options of programs that read documents.
#include "neutra/program/text_options.hpp"

#include "neutra/program/command_line.hpp"
#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;

namespace {

train::TextFormat parsed_format(std::vector<const char*> arguments) {
  CLI::App app;
  train::TextFormat format;
  program::detail::add_text_format(app, format);
  program::detail::add_documents(app, format);
  arguments.insert(arguments.begin(), "program");
  program::parse_command_line(app, static_cast<int>(arguments.size()), arguments.data());
  return format;
}

}  // namespace

TEST_CASE("text options: templates of records, and of the messages of each role") {
  CHECK(parsed_format({}).templates.empty());
  CHECK_FALSE(parsed_format({}).separates());
  const auto whole = parsed_format({"--template", "[{ask}]\\n{say!}"});
  CHECK(whole.templates.whole->text() == "[{ask}]\\n{say!}");
  CHECK(whole.separates());
  const auto roles =
      parsed_format({"--role-template", "user=[{content}]", "--role-template", "assistant=a=b {content!}"})
          .templates.roles;
  REQUIRE(roles.size() == 2);
  CHECK(roles.at("user").text() == "[{content}]");
  CHECK(roles.at("assistant").text() == "a=b {content!}");
}

TEST_CASE("text options: what is no template, and a role without one or with two, is refused") {
  CHECK(says([] { parsed_format({"--template", "{ask"}); }, "--template: the name of a field must end in }"));
  CHECK(says(
      [] {
        parsed_format({"--role-template", "{content!}"});
      },
      "--role-template must be ROLE=TEMPLATE, got {content!}"));
  CHECK(says(
      [] {
        parsed_format({"--role-template", "a={b}", "--role-template", "a={c}"});
      },
      "--role-template a must not be given twice"));
  CHECK(says(
      [] {
        parsed_format({"--role-template", "a={b", "--role-template", "b={c}"});
      },
      "--role-template a: the name of a field must end in }"));
  CHECK(says(
      [] {
        parsed_format({"--template", "{a!}", "--role-template", "a={b!}"});
      },
      "--template", "--role-template"));
}

TEST_CASE("text options: a cache of tokens sets no limit to texts") {
  const scratch::Folder folder;
  const auto format = parsed_format({"--token-cache", (folder / "cache").c_str()});
  CHECK(format.token_cache == folder / "cache");
  CHECK(format.most > io::memory_limit());
  CHECK_FALSE(std::filesystem::exists(folder / "cache"));  // until it is needed
}
