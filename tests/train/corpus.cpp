// The texts of a run: the parts lose nothing, do not overlap, and are identified by their hashes.
#include "neutra/train/corpus.hpp"
#include "neutra/train/model_tokenizer.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;
using train::Corpus;

namespace {

std::string lines(int count, const std::string& word) {
  std::string text;
  for (int i = 0; i < count; ++i) text += word + " " + std::to_string(i) + "\n";
  return text;
}

struct Files {
  scratch::Folder folder;
  train::TextPaths paths;
  bool holds_out = true;

  Files() {
    scratch::put(folder / "a", lines(200, "first"));
    scratch::put(folder / "b", lines(300, "second"));
    scratch::put(folder / "va", "held\nout\n");
    paths.original = {folder / "a"};
    paths.target = {folder / "b"};
  }
  Corpus corpus() const { return Corpus(paths, holds_out); }
};

}  // namespace

TEST_CASE("corpus: the last tenth is held out, a tenth of the rest is for tuning, nothing is lost") {
  Files files;
  const Corpus corpus = files.corpus();
  for (const auto* domain : {&corpus.original, &corpus.target}) {
    const std::string whole = scratch::get(domain == &corpus.original ? files.folder / "a" : files.folder / "b");
    CHECK(std::string(domain->train.bytes) + std::string(domain->tuning.bytes) + std::string(domain->valid.bytes) ==
          whole);
    const auto share = [&](std::string_view part) {
      return static_cast<double>(part.size()) / static_cast<double>(whole.size());
    };
    CHECK(share(domain->valid.bytes) == Approx(0.1).margin(0.005));
    CHECK(share(domain->tuning.bytes) == Approx(0.09).margin(0.005));
    for (const auto& part : {domain->train.bytes, domain->tuning.bytes, domain->valid.bytes})
      CHECK(part.back() == '\n');
  }
}

TEST_CASE("corpus: with evaluation files all of the text except the tuning split is trained on") {
  Files files;
  files.paths.eval_original = {files.folder / "va"};
  const Corpus corpus = files.corpus();
  CHECK(corpus.original.valid.bytes == "held\nout\n");
  CHECK(std::string(corpus.original.train.bytes) + std::string(corpus.original.tuning.bytes) ==
        scratch::get(files.folder / "a"));
}

TEST_CASE(
    "corpus: training on the first bytes of the target text ends at a line and leaves what is held out as it was") {
  Files files;
  const Corpus whole = files.corpus();
  files.paths.target_bytes = 100;
  const Corpus part = files.corpus();
  CHECK(part.target.train.bytes == whole.target.train.bytes.substr(0, part.target.train.bytes.size()));
  CHECK(part.target.train.bytes.size() <= 100);
  CHECK(part.target.train.bytes.size() > 80);
  CHECK(part.target.train.bytes.back() == '\n');
  CHECK(part.target.tuning.bytes == whole.target.tuning.bytes);
  CHECK(part.target.valid.bytes == whole.target.valid.bytes);
  CHECK(part.original.train.bytes == whole.original.train.bytes);
  CHECK(part.hashes().at("target.train") != whole.hashes().at("target.train"));
  files.paths.target_bytes = static_cast<Index>(whole.target.train.bytes.size());
  CHECK(files.corpus().target.train.bytes == whole.target.train.bytes);
  files.paths.target_bytes = 5;  // within the first line
  CHECK(files.corpus().target.train.bytes == whole.target.train.bytes.substr(0, 5));
}

TEST_CASE("corpus: training on the first bytes of a text without lines ends at a character, and of a shorter is told") {
  Files files;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\u20ac\u00e9";  // three bytes and two
  scratch::put(files.folder / "b", text);
  scratch::put(files.folder / "vb", "its own evaluation text\n");
  files.paths.eval_target = {files.folder / "vb"};
  files.holds_out = false;
  for (const auto& [asked, got] : {std::pair{1, 3}, {3, 3}, {4, 5}, {99, 100}, {100, 100}}) {
    files.paths.target_bytes = asked;
    const auto target = files.corpus().target;
    CHECK(target.train.bytes == text.substr(0, static_cast<std::size_t>(got)));
    CHECK(target.remarks.empty());
  }
  files.paths.target_bytes = 500;
  CHECK(files.corpus().target.remarks.empty());
  files.paths.target_bytes = 501;
  const auto target = files.corpus().target;
  CHECK(target.train.bytes == text);
  REQUIRE(target.remarks.size() == 1);
  CHECK(target.remarks[0] == "note: --target-bytes: asked for 501 bytes of the target's training text, got all 500");
}

TEST_CASE("corpus: a further text has files, none of which is trained on, by path or content") {
  Files files;
  files.paths.eval_target = {files.folder / "va"};
  files.paths.further["news"] = {files.folder / "va"};  // what is evaluated on may be scored under another name
  CHECK(files.corpus().further_texts.at("news").bytes == "held\nout\n");
  scratch::put(files.folder / "copy", scratch::get(files.folder / "b"));
  for (const char* name : {"a", "./b", "copy"}) {
    files.paths.further["news"] = {files.folder / "va", files.folder / name};
    INFO(name);
    CHECK(says([&] { files.corpus(); }, "further text news:", "each text may be given only once",
               name == std::string("a") ? "--original" : "--target"));
  }
  files.paths.further["news"].clear();
  CHECK(says([&] { files.corpus(); }, "further text news: at least one file must be named, got none"));
}

TEST_CASE("corpus: where nothing is chosen nothing is held out for it, and the hashes say so") {
  Files files;
  files.paths.eval_original = {files.folder / "va"};
  const auto with = files.corpus().hashes();
  CHECK(with.contains("original.tuning"));
  files.holds_out = false;
  const Corpus corpus = files.corpus();
  CHECK(corpus.original.train.bytes == scratch::get(files.folder / "a"));
  CHECK(corpus.original.tuning.bytes.empty());
  CHECK(corpus.target.train.bytes + corpus.target.valid.bytes == scratch::get(files.folder / "b"));
  const auto without = corpus.hashes();
  CHECK(without.size() == 4);
  for (const char* role : {"original.train", "target.train"}) CHECK(without.at(role) != with.at(role));
  for (const char* role : {"original.valid", "target.valid"}) CHECK(without.at(role) == with.at(role));
  files.holds_out = true;
  CHECK(files.corpus().hashes() == with);
}

TEST_CASE("corpus: documents of one line are trained on whole where they may be, and else cut near the share") {
  Files files;
  std::string documents, one;
  for (int i = 0; i < 20; ++i) {
    for (int n = 0; n < 2000; ++n) documents += concat("Sentence ", n, " of document ", i, ". ");
    documents.back() = '\n';
  }
  for (int n = 0; n < 8000; ++n) one += concat("Sentence ", n, ". ");
  scratch::put(files.folder / "b", documents);
  scratch::put(files.folder / "one", "A title\n" + one);
  const auto check = [&](const train::DomainText& text, const std::string& whole, double valid, double tuning) {
    const auto share = [&](std::string_view part) {
      return static_cast<double>(part.size()) / static_cast<double>(whole.size());
    };
    CHECK(share(text.valid.bytes) == Approx(valid).margin(0.003));
    CHECK(share(text.tuning.bytes) == Approx(tuning).margin(0.001));
    CHECK(text.train.bytes.size() + text.tuning.bytes.size() + text.valid.bytes.size() == whole.size());
    CHECK(text.remarks.empty());
  };
  check(files.corpus().target, documents, 0.1, 0.09);
  files.paths.target = {files.folder / "one"};
  check(files.corpus().target, "A title\n" + one, 0.1, 0.09);
  scratch::put(files.folder / "vb", "its own evaluation text\n");
  files.paths.eval_target = {files.folder / "vb"};
  files.holds_out = false;
  CHECK(files.corpus().target.train.bytes == "A title\n" + one);
}

TEST_CASE(
    "corpus: a part of another size than was asked is told, and a text too small to be cut refused by its option") {
  Files files;
  std::string text = lines(10, std::string(100, 'x'));
  scratch::put(files.folder / "b", text.substr(0, 870) + "\n" + std::string(120, 'y') + "\n");
  const Corpus corpus = files.corpus();
  REQUIRE(corpus.target.remarks.size() == 1);
  CHECK(corpus.target.remarks[0] ==
        "note: holding out the end of --target for evaluation: asked for 10.0 % of 992 bytes, got 12.2 % (121 bytes), "
        "to end at a line, sentence or word");
  scratch::put(files.folder / "b", "one line\n");
  CHECK(says([&] { files.corpus(); }, "holding out the end of --target for evaluation: 9 bytes are too few",
             "give more text"));
  files.paths.eval_target = {files.folder / "va"};
  CHECK(says([&] { files.corpus(); }, "holding out parts of --target for tuning: 9 bytes are too few"));
  files.holds_out = false;
  CHECK(files.corpus().target.train.bytes == "one line\n");
}

TEST_CASE("corpus: one text in two roles is refused with both options, recognised by path, link or content") {
  Files files;
  using List = std::vector<io::Path> train::TextPaths::*;
  const auto refused = [&](List first, List again, const std::string& one, const std::string& other) {
    bool all = true;
    for (const char* name : {"a", "./a", "link", "copy"}) {
      auto paths = files.paths;
      paths.original = {files.folder / "other"};
      paths.*first = {files.folder / "a"};
      if (first != again) (paths.*again).clear();
      (paths.*again).push_back(files.folder / name);
      all &= says([&] { Corpus(paths, true); }, other + " ", ": each text may be given only once, got the same ",
                  " as " + one + " ");
    }
    return all;
  };
  scratch::put(files.folder / "copy", scratch::get(files.folder / "a"));
  scratch::put(files.folder / "other", lines(100, "other"));
  std::filesystem::create_symlink("a", files.folder / "link");
  using train::TextPaths;
  CHECK(refused(&TextPaths::original, &TextPaths::target, "--original", "--target"));
  CHECK(refused(&TextPaths::original, &TextPaths::eval_original, "--original", "--eval-original"));
  CHECK(refused(&TextPaths::original, &TextPaths::eval_target, "--original", "--eval-target"));
  CHECK(refused(&TextPaths::target, &TextPaths::eval_target, "--target", "--eval-target"));
  CHECK(refused(&TextPaths::eval_original, &TextPaths::eval_target, "--eval-original", "--eval-target"));
  CHECK(refused(&TextPaths::original, &TextPaths::original, "--original", "--original"));
}

TEST_CASE("corpus: training texts that are alike but for some lines are remarked upon") {
  Files files;
  const auto remarks = [&] { return files.corpus().target.remarks; };
  const std::string word = "a sentence of the original domain, longer than fifty characters, with the number";
  scratch::put(files.folder / "a", lines(200, word));
  scratch::put(files.folder / "b", lines(200, word) + "\n");
  REQUIRE(remarks().size() == 1);
  CHECK(remarks()[0].starts_with(
      "warning: training lines of at least 50 characters that are also in the training text of --original: target 16"));
  CHECK(remarks()[0].find("give a target text of another domain") != std::string::npos);
  scratch::put(
      files.folder / "b",
      lines(100, word) + lines(300, "a sentence of the target domain, longer than fifty characters, with the number"));
  CHECK(remarks().empty());
  scratch::put(files.folder / "a", lines(200, "short"));
  scratch::put(files.folder / "b", lines(200, "short") + "\n");
  REQUIRE(remarks().size() == 1);
  CHECK(remarks()[0].find("all of them shorter") != std::string::npos);
  files.paths.original.clear();
  files.paths.eval_original = {files.folder / "a"};
  CHECK(remarks().empty());
}

TEST_CASE(
    "corpus: evaluation lines that either domain trains on are counted, also where evaluation is the end of the text") {
  Files files;
  const std::string known = "this line of more than fifty characters is in several texts\n";
  scratch::put(files.folder / "a", known + lines(200, "first"));
  scratch::put(files.folder / "b", known + lines(300, "second") + known);
  scratch::put(files.folder / "va", known + "a line of fifty characters that only the evaluation has\n");
  files.paths.eval_original = {files.folder / "va"};
  auto overlaps = files.corpus().overlaps();
  CHECK(overlaps.at("original").lines == 2);
  CHECK(overlaps.at("original").in_training == 1);
  CHECK(overlaps.at("target").lines == 1);
  CHECK(overlaps.at("target").in_training == 1);
  scratch::put(files.folder / "a", lines(200, "first"));  // still in the text of the other domain
  overlaps = files.corpus().overlaps();
  CHECK(overlaps.at("original").in_training == 1);
  files.paths.original.clear();
  files.paths.eval_original.clear();
  CHECK_FALSE(files.corpus().overlaps().contains("original"));
}

TEST_CASE("corpus: the tuning split comes from every file, and is at most half a megabyte and 4 KiB") {
  Files files;
  std::string whole;
  for (const char* name : {"one", "two", "three"}) {
    scratch::put(files.folder / name, lines(name == std::string("two") ? 700000 : 40000, name));
    files.paths.original.push_back(files.folder / name);
    whole += scratch::get(files.folder / name);
  }
  files.paths.original.erase(files.paths.original.begin());
  const Corpus corpus = files.corpus();
  for (const char* name : {"one", "two"}) CHECK(corpus.original.tuning.bytes.find(name) != std::string::npos);
  CHECK(corpus.original.tuning.bytes.find("three") ==
        std::string::npos);  // all of it is in the last tenth, held out for validation
  CHECK(static_cast<double>(corpus.original.tuning.bytes.size()) ==
        Approx(std::min(0.09 * static_cast<double>(whole.size()), 524288.0)).epsilon(0.01));
  CHECK(whole.size() * 9 / 100 > 524288);
  for (const std::size_t width :
       {70, 300, 1000, 1600, 3000}) {  // line ends that match the requested share less and less
    scratch::put(files.folder / "long", lines(static_cast<int>(6500000 / width), std::string(width, 'x')));
    auto paths = files.paths;
    paths.original = {files.folder / "long"};
    CHECK(Corpus(paths, true).original.tuning.bytes.size() <= 524288 + 4096);
  }
  CHECK(corpus.original.train.bytes.size() + corpus.original.tuning.bytes.size() + corpus.original.valid.bytes.size() ==
        whole.size());
}

TEST_CASE("corpus: evaluation text of a domain without training text is kept") {
  Files files;
  files.paths.original.clear();
  files.paths.eval_original = {files.folder / "va"};
  Corpus corpus = files.corpus();
  CHECK(corpus.original.valid.bytes == "held\nout\n");
  CHECK(corpus.original.train.bytes.empty());
  corpus.encode(std::make_shared<data::ByteTokenizer>(), 8);
  CHECK(corpus.valid_original.windows.tokens() == 9);
  CHECK(corpus.train_original.tokens() == 0);
  CHECK_FALSE(corpus.hashes().contains("original.train"));
  files.paths.eval_original.clear();
  CHECK(files.corpus().original.valid.bytes.empty());
}

TEST_CASE("corpus: encoded parts hold the tokens of their own text and no other, and bytes are those of the raw text") {
  Files files;
  Corpus corpus = files.corpus();
  const auto tokenizer =
      std::make_shared<data::SentencePiece>(data::train_sentencepiece(corpus.original.train.bytes, {.vocab = 280}));
  corpus.encode(tokenizer, 16);
  CHECK(corpus.train_target.tokens() == static_cast<Index>(tokenizer->encode(corpus.target.train.bytes).size()));
  CHECK(corpus.tuning_target.windows.tokens() ==
        static_cast<Index>(tokenizer->encode(corpus.target.tuning.bytes).size()));
  CHECK(corpus.valid_target.bytes == static_cast<Index>(corpus.target.valid.bytes.size()));
  // Its tokenizer has pieces of several bytes.
  CHECK(corpus.valid_original.windows.tokens() < corpus.valid_original.bytes);
  CHECK(corpus.train_target.length() == 16);
  files.holds_out = false;
  Corpus all = files.corpus();
  all.encode(tokenizer, 16);
  CHECK(all.tuning_target.bytes == 0);
}

TEST_CASE("corpus: hashes identify each part by its content") {
  Files files;
  const auto before = files.corpus().hashes();
  CHECK(before.size() == 6);
  CHECK(before.at("original.valid") == io::sha256_hex(files.corpus().original.valid.bytes));
  std::string text = scratch::get(files.folder / "b");
  text[text.size() - 2] = 'x';
  scratch::put(files.folder / "b", text);
  const auto after = files.corpus().hashes();
  for (const auto& [role, digits] : before) CHECK((after.at(role) == digits) == (role != "target.valid"));
}

TEST_CASE("corpus: bytes that are not UTF-8 are remarked upon, with their place, in training and in validation text") {
  Files files;
  files.paths.eval_original = {files.folder / "va"};
  CHECK(files.corpus().original.remarks.empty());
  scratch::put(files.folder / "b", "abc\xff\n" + lines(100, "x"));
  scratch::put(files.folder / "va", "valid\xff\n");
  const Corpus corpus = files.corpus();
  REQUIRE(corpus.target.remarks.size() == 1);
  CHECK(corpus.target.remarks[0].find("b: is not UTF-8 from byte 3 on") != std::string::npos);
  REQUIRE(corpus.original.remarks.size() == 1);
  CHECK(corpus.original.remarks[0].find("va: is not UTF-8 from byte 5 on") != std::string::npos);
}

TEST_CASE("corpus: documents are held out whole, separated by an end of text, and part of the hashes") {
  Files files;
  std::string text;
  for (int i = 0; i < 400; ++i)
    text += R"({"text": "document )" + std::to_string(i) +
            R"(\nand its second line\n"})"
            "\n";
  scratch::put(files.folder / "b.jsonl", text);
  files.paths.target = {files.folder / "b.jsonl"};
  const Corpus joined = files.corpus();
  CHECK(joined.target.train.ends.empty());
  files.paths.format.documents = data::Documents::by_empty_line;
  Corpus corpus = files.corpus();
  const auto &train = corpus.target.train.ends, &tuning = corpus.target.tuning.ends, &valid = corpus.target.valid.ends;
  CHECK(train.size() + tuning.size() + valid.size() == 400);
  CHECK(tuning.size() > 30);
  CHECK(valid.size() > 35);
  const auto whole = [](std::string_view part, const std::vector<std::size_t>& ends) {
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      CHECK(part.substr(begin, 9) == "document ");
      CHECK(part.substr(end - 10, 11) == "cond line\n\n");
      begin = end + 1;
    }
    CHECK(begin == part.size());
  };
  whole(corpus.target.train.bytes, train);
  whole(corpus.target.tuning.bytes, tuning);
  whole(corpus.target.valid.bytes, valid);

  files.paths.target_bytes = 100;
  const Corpus shorter = files.corpus();
  CHECK(shorter.target.train.ends.size() == 3);
  whole(shorter.target.train.bytes, shorter.target.train.ends);
  files.paths.target_bytes = 0;

  const auto tokenizer = std::make_shared<data::ByteTokenizer>();
  corpus.encode(tokenizer, 16, 260);  // beyond the tokenizer's ids, as added tokens may be
  CHECK(corpus.valid_target.windows.tokens() == corpus.valid_target.bytes);  // one in place of each newline
  Index ends = 0;
  data::Batch batch;
  for (Index window = 0; window < corpus.valid_target.windows.count(); ++window) {
    corpus.valid_target.windows.read(window, 1, data::Domain::target, batch);
    ends += std::count(batch.targets.begin(), batch.targets.end(), 260);
  }
  CHECK(ends == static_cast<Index>(valid.size()));
  CHECK(corpus.target.remarks.empty());
  corpus.encode(tokenizer, 16);
  REQUIRE(corpus.target.remarks.size() == 1);
  CHECK(corpus.target.remarks[0].find("no token that ends a text") != std::string::npos);
  // Equal bytes, other documents.
  const auto by_empty_line = corpus.hashes();
  scratch::put(files.folder / "c", corpus.target.valid.bytes);
  files.paths.eval_target = {files.folder / "c"};
  CHECK(files.corpus().hashes().at("target.valid") != by_empty_line.at("target.valid"));
}

TEST_CASE("corpus: what a tokenizer without byte fallback loses of all texts is told once", "[train]") {
  Files files;
  for (const auto& [name, sentence] : {std::pair{"a", "the cat and the dog "}, {"b", "a dog and a cat "}}) {
    std::string text;
    for (int i = 0; i < 50; ++i) text += concat(sentence, "\xf0\x9f\x91\x8d\n");
    scratch::put(files.folder / name, text);
  }
  Corpus corpus = files.corpus();
  const auto golden = [](const char* name) {
    return train::read_tokenizer(concat(NEUTRA_SOURCE_DIR "/tests/golden/tokenizers/", name, ".json"));
  };
  const auto notes = [&] {
    const auto& all = corpus.target.remarks;
    return std::count_if(all.begin(), all.end(), [](const std::string& remark) {
      return remark.find("the tokenizer has no tokens for 400 of ") != std::string::npos;
    });
  };
  corpus.encode(golden("unigram"), 16);
  CHECK(notes() == 0);
  corpus.encode(golden("t5"), 16);
  CHECK(notes() == 1);
}

TEST_CASE("corpus: what a template scores is what is trained on and counted, in all parts") {
  Files files;
  std::string text;
  for (int i = 0; i < 400; ++i) text += concat(R"({"ask": "question )", i, R"(", "say": "answer )", i, "\"}\n");
  scratch::put(files.folder / "b.jsonl", text);
  files.paths.target = {files.folder / "b.jsonl"};
  files.paths.format.templates.whole.emplace("{ask}: {say!}", "--template");
  Corpus corpus = files.corpus();
  const auto tokenizer = std::make_shared<data::ByteTokenizer>();
  corpus.encode(tokenizer, 16, 260);
  const auto scored = [](const data::Windows& windows) {
    std::string found;
    data::Batch batch;
    for (Index window = 0; window < windows.count(); ++window) {
      windows.read(window, 1, data::Domain::target, batch);
      for (const std::int32_t token : batch.targets)
        if (token != not_scored) found += token == 260 ? '\n' : static_cast<char>(token);
    }
    return found;
  };
  const auto answers = [](const data::TextPart& part) {
    std::string wanted;
    for (std::size_t at = 0; (at = part.bytes.find("answer", at)) != std::string::npos; ++at)
      wanted += part.bytes.substr(at, part.bytes.find('\n', at) + 1 - at);
    return wanted;
  };
  CHECK(answers(corpus.target.train).size() > 2000);
  CHECK(scored(corpus.train_target) == answers(corpus.target.train));
  CHECK(scored(corpus.tuning_target.windows) == answers(corpus.target.tuning));
  CHECK(scored(corpus.valid_target.windows) == answers(corpus.target.valid));
  CHECK(corpus.valid_target.bytes == static_cast<Index>(answers(corpus.target.valid).size()));
  CHECK(corpus.valid_original.bytes == static_cast<Index>(corpus.original.valid.bytes.size()));
  const auto masked = corpus.hashes();
  files.paths.format.templates.whole.emplace("{ask!}: {say!}", "--template");
  CHECK(files.corpus().hashes().at("target.valid") != masked.at("target.valid"));  // equal bytes, scored otherwise

  data::TextPart context;
  append_document("context", context, {{0, 7}});
  CHECK(says([&] { train::windows_of(*tokenizer, context, 260, 16); },
             "encoding text: a part of it must be scored, got 8 bytes that are all context"));
}

TEST_CASE("corpus: a folder of texts is its files, in roles, remarks and hashes") {
  Files files;
  const auto apart = files.corpus().hashes();
  std::filesystem::create_directory(files.folder / "texts");
  const std::string whole = scratch::get(files.folder / "b");
  scratch::put(files.folder / "texts" / "1.txt", whole.substr(0, 500));
  scratch::put(files.folder / "texts" / "2.txt", whole.substr(500));
  scratch::put(files.folder / "texts" / "notes", "left out");
  REQUIRE(whole[499] == '\n');
  files.paths.target = {files.folder / "texts"};
  const Corpus corpus = files.corpus();
  CHECK(corpus.hashes() == apart);
  CHECK(corpus.target.files.size() == 2);
  REQUIRE(corpus.original.remarks.size() == 1);
  CHECK(corpus.original.remarks[0].starts_with("note: --target " + (files.folder / "texts").string() + ": 1 of 3"));
  files.paths.eval_target = {files.folder / "texts" / "2.txt"};
  CHECK(says([&] { files.corpus(); }, "--eval-target ",
             "each text may be given only once, got the same file as --target"));
}
