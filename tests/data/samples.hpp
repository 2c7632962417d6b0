// Texts and helpers for the tests of data.
#pragma once

#include "neutra/core/error.hpp"

#include "tests/catch.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <cstdlib>

namespace samples {

using namespace std::string_view_literals;

// Encodes a code point by hand, as an independent check of the table in utf8_length.
inline std::string spell(unsigned point) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

// Sentences in English, Danish, Hungarian, Slovak and French: enough to train a small vocabulary of real merges.
inline constexpr std::string_view five_languages =
    "The harbour was quiet when the last boat came in, and the men who stood on the quay said nothing.\n"
    "In 1998 the town counted 4,312 people; twenty years later there were 3,907 of them.\n"
    "\"Nobody asked us,\" she said, \"whether the road should go through the forest or around it.\"\n"
    "Havnen var stille, da den sidste båd kom ind, og mændene på kajen sagde ikke et ord.\n"
    "Børnene løb over broen, før færgen lagde til, og råbte, så det kunne høres på øen.\n"
    "Det er ikke nødvendigt at vælge mellem de to forslag, siger ordføreren for udvalget.\n"
    "A kikötő csendes volt, amikor az utolsó hajó megérkezett, és a férfiak a rakparton hallgattak.\n"
    "Az őszi esők után a folyó kilépett medréből, és elöntötte az alsó utcákat.\n"
    "Kérem, hogy a képviselő úr válaszoljon a kérdésre: mikor készül el az új híd?\n"
    "Prístav bol tichý, keď priplávala posledná loď, a muži na nábreží nepovedali ani slovo.\n"
    "Ďakujem pekne za otázku; návrh zákona sme predložili už v máji a čakáme na stanovisko výboru.\n"
    "Žiaci ôsmeho ročníka namaľovali mapu údolia, cez ktoré tečie rieka Váh.\n"
    "Le port était calme quand le dernier bateau est entré, et les hommes sur le quai se taisaient.\n"
    "L'été suivant, les élèves ont peint une carte de la vallée où coule la rivière.\n"
    "Où étiez-vous lorsque le maire a annoncé que l'école fermerait à Noël ?\n"sv;

// Strings that are hard for tokenizers. Each must come back byte by byte.
inline const std::vector<std::string_view> awkward = {
    ""sv,
    " "sv,
    "\n"sv,
    "\t"sv,
    "\r\n"sv,
    "\0"sv,
    "a"sv,
    "        "sv,
    "a  b   c    d"sv,
    "  leading and trailing  "sv,
    "\n\n\n"sv,
    "if (x) {\r\n\treturn\t\t1;\r\n}\r\n"sv,
    "\x01\x02\x1b[0m\x7f"sv,
    "a\0b\0\0c"sv,
    "tab\tand  spaces \t \n \n"sv,
    "\xf0\x9f\x98\x80 smile \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac\xef\xb8\x8f"sv,  // emoji, also joined
    "e\xcc\x81 is not \xc3\xa9"sv,                                                        // combining accent
    "\xef\xac\x81ligature \xef\xbc\xa1\xe2\x84\xab \xe2\x91\xa0"sv,  // what NFKC normalisation would change
    "\xc2\xa0no-break\xe3\x80\x80ideographic\xe2\x80\xa8line\xef\xbb\xbf"sv,
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"sv,
    "\xe2\x96\x81"sv,
    "a\xe2\x96\x81\xe2\x96\x81 b\xe2\x96\x81"sv,
    "\xe2\x96\x85 and \xe2\x96\x85"sv,  // SentencePiece's reserved characters
    "<s></s><unk><pad><0x41><0x0A>"sv,
    "\xff"sv,
    "\x80 \xc3"sv,
    "good \xc3\x28 bad"sv,
    "\xe2\x96 \xf0\x9f\x98"sv,
    "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xfe"sv,  // overlong, surrogate, beyond U+10FFFF
    "\xef\xbf\xbd kept apart from \xef\xbf"sv};

// Random bytes. `narrow`: only bytes of spaces, newlines and the reserved characters.
inline std::string random_bytes(std::mt19937& random, std::size_t size, bool narrow) {
  constexpr std::string_view few = " \n\ta\xe2\x96\x81\x85\xc3\xa9";
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = narrow ? few[random() % few.size()] : static_cast<char>(random() & 255);
  return bytes;
}

// The message of the Error that f throws; empty if it throws none.
template <class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const neutra::Error& error) {
    return error.what();
  }
  return {};
}

// Whether f throws an Error whose message contains `part`.
template <class F> bool fails_with(F&& f, std::string_view part) {
  const std::string message = error_of(f);
  if (message.find(part) == std::string::npos) WARN("message: \"" << message << "\", wanted: \"" << part << "\"");
  return message.find(part) != std::string::npos;
}

// A temporary folder, removed with its content.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "neutra_data_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace samples
