// Recorded commands: a shell that parses them gets the words back, byte for byte.
#include "neutra/program/shell.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <cstdlib>
#include <vector>

using namespace neutra;
using program::shell_word;

TEST_CASE("shell: words that mean nothing to a shell stay as they are, others are quoted") {
  for (const char* plain : {"--share=0.1", "a/b-c_d.txt", "1e-3,2e-3", "--out", "50%"})
    CHECK(shell_word(plain) == plain);
  CHECK(shell_word("") == "''");
  CHECK(shell_word("a b/c d.txt") == "'a b/c d.txt'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("$HOME `x` \\ \"y\"") == "'$HOME `x` \\ \"y\"'");
  CHECK(shell_word("gr\u00f8n") == "'gr\u00f8n'");
  CHECK(shell_word("ud-\xe5") == "$'ud-\\345'");
  CHECK(shell_word("a\n'\\1\u202e") == "$'a\\012\\'\\\\1\\342\\200\\256'");
  const std::vector<const char*> words = {"extend", "--out", "r 1", "--resume", "--target", "x"};
  CHECK(program::command_of(6, words.data()) == "extend --out 'r 1' --target x");
}

TEST_CASE("shell: bash reads every byte back") {
  if (std::system("bash -c true >/dev/null 2>&1") != 0) return;  // not installed everywhere
  const scratch::Folder folder;
  std::string all, command = "printf '%s\\0' ";
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::vector<std::string> words = {all,
                                          "it's",
                                          "a b",
                                          "",
                                          "~",
                                          "=x",
                                          "#",
                                          "a{b,c}",
                                          "*",
                                          "!!",
                                          "tab\there",
                                          "\xe5"
                                          "7",
                                          "gr\u00f8n",
                                          "-n"};
  std::string expected;
  for (const std::string& word : words) {
    command += " " + shell_word(word);
    expected += word + '\0';
  }
  scratch::put(folder / "script", command + " > " + (folder / "out").string() + "\n");
  REQUIRE(std::system(("bash " + (folder / "script").string()).c_str()) == 0);
  CHECK(scratch::get(folder / "out") == expected);
}
