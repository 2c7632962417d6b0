// docs/families.md and README.md say which models, tokenizers and element types load. The readers say the same.
#include "neutra/train/model_form.hpp"

#include "tests/catch.hpp"
#include "tests/data/sentencepiece_bytes.hpp"
#include "tests/io/gguf_bytes.hpp"
#include "tests/io/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>

using namespace neutra;
using Names = std::vector<std::string>;

namespace {

const io::Path source = NEUTRA_SOURCE_DIR;
const std::string page = scratch::get(source / "docs/families.md");

/// The names in `backquotes`.
Names names_in(const std::string& text) {
  Names names;
  for (std::size_t at = text.find('`'); at != text.npos; at = text.find('`', at)) {
    const std::size_t end = text.find('`', at + 1);
    names.push_back(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return names;
}

/// The cells of the rows of a table of the page by the first name in each row, and these names in order.
struct Table {
  explicit Table(const std::string& heading) {
    std::istringstream lines(page.substr(page.find("\n| " + heading + " |") + 1));
    int number = 0;
    for (std::string line; std::getline(lines, line) && line.starts_with('|'); ++number) {
      if (number < 2) continue;  // heading and rule
      Names cells;
      std::istringstream rest(line.substr(1));
      for (std::string cell; std::getline(rest, cell, '|');) cells.push_back(cell);
      names.push_back(names_in(cells.at(0)).at(0));
      rows[names.back()] = cells;
    }
  }
  Names cell(const std::string& row, std::size_t column) const { return names_in(rows.at(row).at(column)); }

  Names names;
  std::map<std::string, Names> rows;
};

template <class F> Names those(const Names& all, const F& holds) {
  Names kept;
  for (const std::string& name : all)
    if (holds(name)) kept.push_back(name);
  return kept;
}
Names sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}
std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}
Names families() { return Table("`model_type`").names; }

std::string gguf_message(const samples::GgufBytes& bytes) {
  const scratch::Folder folder;
  scratch::put(folder / "model.gguf", bytes.file());
  return message([&] { nn::detail::GgufModel(folder / "model.gguf"); });
}

}  // namespace

TEST_CASE("docs: the tables of families and forms are those of nn/families.hpp and train/model_form.hpp") {
  std::string all;
  for (const std::string& name : families()) all += concat(all.empty() ? "\"" : ", \"", name, '"');
  CHECK(all == nn::Families::names());
  Names forms;
  for (const train::ModelForm& form : train::model_forms) forms.emplace_back(form.name);
  CHECK(sorted(Table("Form").names) == sorted(forms));
}

TEST_CASE("docs: the element types of each form are those that are read") {
  const Table forms("Form");
  Names all;
  for (const io::Dtype& dtype : io::dtypes) all.emplace_back(dtype.name);
  const auto reads = [](const std::string& dtype) {
    const Index bytes = io::find_dtype(dtype)->bits;  // of eight elements
    const scratch::Folder folder;
    scratch::put(
        folder / "a.safetensors",
        scratch::safetensors(concat(R"({"a":{"dtype":")", dtype, R"(","shape":[8],"data_offsets":[0,)", bytes, "]}}"),
                             std::string(static_cast<std::size_t>(bytes), '\0')));
    return message([&] { io::Safetensors::open(folder / "a.safetensors").read<float>("a"); }).empty();
  };
  CHECK(forms.cell("folder", 3) == those(all, reads));
  Names types;
  for (const io::GgufType& type : io::gguf_types) types.emplace_back(type.name);
  CHECK(forms.cell("gguf", 3) == types);
  CHECK(forms.cell("llama2c", 3) == Names{"F32"});
}

TEST_CASE("docs: the families of each form are those that are read") {
  const Table forms("Form");
  CHECK(forms.rows.at("folder").at(2) == " all of the table above ");
  const auto is_read = [](const std::string& family) {
    return gguf_message({{{"general.architecture", samples::text(family)}}, {}}).find("general.architecture must be") ==
           std::string::npos;
  };
  CHECK(forms.cell("gguf", 2) == those(families(), is_read));
  const scratch::Folder folder;
  const std::int32_t header[] = {4, 4, 1, 2, 1, 3, 2};
  scratch::put(folder / "model.bin",
               std::string(reinterpret_cast<const char*>(header), sizeof header) + std::string(496, '\0'));
  CHECK(forms.cell("llama2c", 2) == Names{nn::detail::Llama2cFile(folder / "model.bin").config().family});
}

TEST_CASE("docs: the tokenizers of each form have a row, which says what is read") {
  const Table forms("Form"), tokenizers("Tokenizer");
  Names named;
  for (const std::string& form : forms.names)
    for (const std::string& tokenizer : forms.cell(form, 4)) named.push_back(tokenizer);
  named = sorted(named);
  named.erase(std::unique(named.begin(), named.end()), named.end());
  CHECK(sorted(tokenizers.names) == named);

  const Names kinds = {"unigram", "bpe", "word", "char"};  // 1, 2, ... in the file
  const auto loads = [&](const std::string& kind) {
    samples::ModelBytes model;
    model.kind = static_cast<std::uint64_t>(std::find(kinds.begin(), kinds.end(), kind) - kinds.begin()) + 1;
    return message([&] { data::SentencePiece{model.serialize()}; }).empty();
  };
  const Names said = tokenizers.cell("tokenizer.model", 1);
  CHECK(those(kinds, [&](const auto& kind) { return std::count(said.begin(), said.end(), kind) > 0; }) ==
        those(kinds, loads));
}

TEST_CASE("docs: the classes of a vocab.json are those that are read") {
  Names said, known;
  for (const std::string& name : Table("Tokenizer").cell("vocab.json", 1))
    if (name.ends_with("Tokenizer")) said.push_back(name);
  for (const auto& one : train::detail::tokenizer_classes) known.emplace_back(one.name);
  CHECK(said == known);
}

TEST_CASE("docs: the shapes of tokenizer.json are those of the golden files, the rules of GGUF those of its reader") {
  const Table tokenizers("Tokenizer");
  Names shapes = tokenizers.cell("tokenizer.json", 1), golden;
  shapes.pop_back();  // the folder
  for (const auto& file : std::filesystem::directory_iterator(source / "tests/golden/tokenizers"))
    if (const std::string name = file.path().stem().string(); !name.ends_with(".ids")) golden.push_back(name);
  CHECK(sorted(shapes) == sorted(golden));

  Names names = tokenizers.cell("gguf", 1);
  const Names kinds(names.begin(), names.begin() + 2), rules(names.begin() + 2, names.end());
  const auto refused = [](const std::string& kind, const std::string& rule) {
    samples::GgufBytes bytes{{{"tokenizer.ggml.model", samples::text(kind)},
                              {"tokenizer.ggml.pre", samples::text(rule)},
                              {"tokenizer.ggml.tokens", samples::texts({"a"})},
                              {"tokenizer.ggml.merges", samples::texts({})},
                              {"tokenizer.ggml.token_type", samples::array_of<std::int32_t>(5, {1})},
                              {"tokenizer.ggml.bos_token_id", samples::u32(0)},
                              {"tokenizer.ggml.eos_token_id", samples::u32(0)}},
                             {}};
    const scratch::Folder folder;
    scratch::put(folder / "model.gguf", bytes.file());
    return message([&] { train::read_gguf_tokenizer(folder / "model.gguf"); });
  };
  CHECK(scratch::says([&] { throw Error(refused("x", "")); },
                      concat("must be \"", kinds.at(0), "\" or \"", kinds.at(1), '"')));
  CHECK(scratch::says([&] { throw Error(refused("gpt2", "x")); }, concat("must be one of ", joined(rules), ", got")));
}

TEST_CASE("docs: README.md names the families and the types of GGUF") {
  const std::string readme = scratch::get(source / "README.md");
  CHECK(readme.find("docs/families.md (" + joined(families()) + ")") != readme.npos);
  CHECK(readme.find("GGUF files of llamas (" + joined(Table("Form").cell("gguf", 3)) + ")") != readme.npos);
}
