#include "neutra/data/text_changes.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("text changes as the normalizers of the tokenizers library do", "[data]") {
  CHECK(data::lower_case("AbC \xc3\x89\xce\xa3 \xc4\xb0 \xff") == "abc \xc3\xa9\xcf\x83 i\xcc\x87 \xff");
  CHECK(data::without_marks("e\xcc\x81l\xe2\x83\x9d \xff") == "el \xff");
  CHECK(data::stripped(" \xc2\xa0"
                       "a b\n ",
                       false, true) ==
        " \xc2\xa0"
        "a b");
  CHECK(data::stripped(" \xc2\xa0"
                       "a b\n ",
                       true, false) == "a b\n ");
  CHECK(data::stripped(" \n", true, true).empty());
  CHECK(data::runs_of_spaces_replaced("  a b  c   ", "_") == "_a b_c_");
  CHECK(data::runs_of_spaces_replaced(" a ", "_") == " a ");
  CHECK(data::normalized("\xef\xac\x81\xff", data::UnicodeForm::nfkc) == "fi\xff");
  CHECK(data::normalized("\xc3\xa9", data::UnicodeForm::nfd) == "e\xcc\x81");
}
