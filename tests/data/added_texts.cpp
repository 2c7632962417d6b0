#include "neutra/data/added_texts.hpp"

#include "neutra/core/error.hpp"

#include "tests/catch.hpp"

using namespace neutra;

namespace {

std::string split(const data::AddedTexts& texts, std::string_view text) {
  std::string shown;
  texts.split(
      text, [&](std::string_view part) { shown += concat('[', part, ']'); },
      [&](std::int32_t id) { shown += concat(id); });
  return shown;
}

}  // namespace

TEST_CASE("the longest of the added texts that begin first is found", "[data]") {
  data::AddedTexts texts;
  CHECK(split(texts, "abc") == "[abc]");
  texts.add("ab", 1, {});
  texts.add("abc", 2, {});
  texts.add("bcd", 3, {});
  texts.add("ab", 4, {});  // the first counts
  CHECK(split(texts, "xabcd") == "[x]2[d]");
  CHECK(split(texts, "xabdbcd") == "[x]1[d]3");
  CHECK(split(texts, "") == "");
}

TEST_CASE("text that spells a special token stays text and hides what overlaps it", "[data]") {
  data::AddedTexts texts;
  texts.add("<s>", 1, {.special = true});
  texts.add("s>x", 2, {});
  CHECK(split(texts, "<s>x s>x") == "[<s>x ]2");
}

TEST_CASE("an added token strips white space and respects words as it asks for", "[data]") {
  data::AddedTexts texts, visible(true);
  for (auto* list : {&texts, &visible}) {
    list->add("<l>", 1, {.strips_left = true});
    list->add("<r>", 2, {.strips_right = true});
    list->add("one", 3, {.single_word = true});
  }
  CHECK(split(texts, "a \xc2\xa0\t<l> <r>\n b") == "[a]1[ ]2[b]");
  CHECK(split(texts, "<r>  <l>") == "21");  // white space belongs to the first
  CHECK(split(texts, "one (one) one_ bone on\xc3\xa9 \xc3\xa9one one\xcc\x81") ==
        "3[ (]3[) one_ bone on\xc3\xa9 \xc3\xa9one one\xcc\x81]");
  CHECK(split(texts, "\xffone\xff") == "[\xff]3[\xff]");
  CHECK(split(visible, "a \t<l>") == "[a ]1");
  CHECK(split(visible, "a\t <l>") == "[a\t ]1");
}
