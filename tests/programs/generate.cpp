// generate on models that are made to say a certain text: what they may say, where they end, and that nothing they said
// is lost.
#include "neutra/data/utf8.hpp"
#include "neutra/io/json.hpp"

#include "tests/data/sentencepiece_bytes.hpp"
#include "tests/programs/process.hpp"
#include "tests/train/chain.hpp"

using namespace neutra;
using namespace std::string_literals;
using programs::path_of;
using programs::run;
using programs::Words;

namespace {

constexpr std::int32_t bos = 256;  // of the byte tokenizer

/// A folder with a chain of bytes, each there once, begun by bos and closed to a circle; 63 rows more than the
/// tokenizer has tokens are likelier than any of them.
struct Circle {
  scratch::Folder folder;

  explicit Circle(const std::string& text, const io::Json& more = {}) {
    chain::Next next;
    for (std::size_t i = 0; i < text.size(); ++i)
      next[static_cast<unsigned char>(text[i])] = static_cast<unsigned char>(text[(i + 1) % text.size()]);
    next[bos] = static_cast<unsigned char>(text[0]);
    io::Json keys = {{"neutra_tokenizer", "byte"}};
    keys.update(more.is_null() ? io::Json::object() : more);
    chain::write(folder.path(), 320, next, 300, keys);
  }
  Words command(const Words& more) const {
    Words all = {path_of("generate"), "--model", folder.path().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string says(const Words& more) const {
    const auto ended = run(command(more));
    INFO(ended.err);
    CHECK(ended.status == 0);
    return ended.out;
  }
};

/// generate on a chain over a SentencePiece model of 265 pieces: 260 is the piece for " the", 1 is bos.
struct Pieces {
  scratch::Folder folder;

  Pieces(const chain::Next& next, const io::Json& more) {
    chain::write(folder.path(), 280, next, 279, more);
    scratch::put(folder / "tokenizer.model", samples::ModelBytes{}.serialize());
  }
  std::string says(const char* tokens = "20") const {
    const auto ended = run({path_of("generate"), "--model", folder.path().string(), "--tokens", tokens});
    INFO(ended.err);
    CHECK(ended.status == 0);
    return ended.out;
  }
};

}  // namespace

TEST_CASE("generate: rows beyond the tokenizer are never said, at any temperature", "[programs]") {
  const Circle circle("brine ");
  CHECK(circle.says({"--tokens", "9"}) == "brine bri\n");
  CHECK(circle.says({"--tokens", "9", "--temperature", "1", "--seed", "3"}) == "brine bri\n");
  for (const char* seed : {"1", "2", "3"})
    CHECK(circle.says({"--tokens", "300", "--temperature", "1e9", "--seed", seed}).size() > 200);
}

TEST_CASE("generate: bytes come out as they are, zeros and halves of characters too", "[programs]") {
  CHECK(Circle("a\0b"s).says({"--tokens", "5"}) == "a\0ba\0\n"s);
  CHECK(Circle("\xe2\x82\xac").says({"--tokens", "4"}) == "\xe2\x82\xac\xe2\n");
  CHECK(Circle("\xc3\xff\xfe").says({"--tokens", "3", "--prompt", "\xc3"}) == "\xc3\xff\xfe\xc3\n");
}

TEST_CASE("generate: every end of text counts, and is shown if it is text", "[programs]") {
  CHECK(Circle("abcd", {{"eos_token_id", {int{'x'}, int{'c'}}}}).says({"--tokens", "9"}) == "abc\n");
  const Circle more("abcd", {{"eos_token_id", int{'d'}}});
  CHECK(more.says({"--tokens", "9"}) == "abcd\n");
  io::write_json(more.folder / "generation_config.json", {{"eos_token_id", {int{'y'}, int{'b'}}}});
  CHECK(more.says({"--tokens", "9"}) == "ab\n");
  io::write_json(more.folder / "generation_config.json", {{"eos_token_id", int{'a'}}});
  CHECK(more.says({"--tokens", "9"}) == "a\n");
}

TEST_CASE("generate: a generation_config.json samples where the command line says nothing", "[programs]") {
  const Circle circle("brine ");
  io::write_json(circle.folder / "generation_config.json",
                 {{"do_sample", true}, {"temperature", 50.0}, {"top_k", 200}, {"top_p", 0.95}});
  const auto sampled = run(circle.command({"--tokens", "40"}));
  CHECK(sampled.out.size() > 10);
  CHECK(sampled.out.find("brine brine") == std::string::npos);
  CHECK(sampled.err.find("note: temperature 50, top_k 200, top_p 0.95, as generation_config.json says") !=
        std::string::npos);
  CHECK(circle.says({"--tokens", "9", "--temperature", "0"}) == "brine bri\n");
  CHECK(circle.says({"--tokens", "9", "--top-k", "1"}) == "brine bri\n");
  io::write_json(circle.folder / "generation_config.json", {{"do_sample", false}, {"temperature", 50.0}});
  CHECK(circle.says({"--tokens", "9"}) == "brine bri\n");
  CHECK(run(circle.command({"--tokens", "9", "--top-p", "0.5"})).err.find("--top-p has no effect at temperature 0") !=
        std::string::npos);
  io::write_json(circle.folder / "generation_config.json", {{"do_sample", true}, {"top_k", 1e300}});
  CHECK(run(circle.command({"--tokens", "9"})).err.find("generation_config.json: top_k must be an integer in 0 .. ") !=
        std::string::npos);
  io::write_json(circle.folder / "generation_config.json", {{"do_sample", true}, {"top_p", 7}});
  CHECK(run(circle.command({"--tokens", "9"})).err.find("--top-p must be above 0 and at most 1, got 7") !=
        std::string::npos);
}

TEST_CASE("generate: a stop string ends the text, and contexts are passed", "[programs]") {
  CHECK(Circle("brine ").says({"--tokens", "99", "--prompt", "e", "--stop", "ine", "--stop", "q"}) == "e br\n");
  const Circle circle("brine ", {{"max_position_embeddings", 7}});
  CHECK(circle.says({"--tokens", "24"}) == "brine brine brine brine \n");
}

TEST_CASE("generate: added tokens end a text, and show their own where they are not special", "[programs]") {
  const Pieces chat({{1, 260}, {260, 266}, {266, 265}, {265, 260}}, {{"eos_token_id", 2}});
  CHECK(chat.says("4").starts_with(" the"));  // 265 and 266 mean nothing yet, so they are not said
  io::write_json(chat.folder / "added_tokens.json", {{"<|im_end|>", 265}, {"<mine>", 266}});
  io::write_json(chat.folder / "special_tokens_map.json", {{"eos_token", "<|im_end|>"}});
  CHECK(chat.says("6") == " the<mine> the<mine>\n");
  io::write_json(chat.folder / "generation_config.json", {{"eos_token_id", {2, 265}}});
  CHECK(chat.says() == " the<mine>\n");
  CHECK(Pieces({{1, 260}, {260, 270}}, {{"eos_token_id", {2, 270}}}).says() ==
        " the\n");  // an end that has a row and no text
}

TEST_CASE("generate: text is shown while it is made, whole characters at a time, and stays when it is interrupted",
          "[programs]") {
  const Circle circle("\xe2\x82\xacx\xc3\xa9");
  programs::Process process(circle.command({"--tokens", "100000000", "--prompt", "now x"}));
  std::size_t unfinished = 0;
  REQUIRE(programs::wait_for(process, [&] {
    unfinished += data::utf8_unfinished(process.output());
    return process.output().size() > 200;
  }));
  CHECK(unfinished == 0);
  process.send(SIGINT);
  const auto ended = process.wait();
  CHECK(ended.status == 130);
  CHECK(ended.out.starts_with("now x\xc3\xa9\xe2\x82\xacx\xc3\xa9\xe2\x82\xacx\xc3\xa9"));
  CHECK(ended.out.ends_with("\n"));
  CHECK(programs::messages(ended.err, "generate").size() == 1);
}

TEST_CASE("generate: a reader that has seen enough ends it", "[programs]") {
  const Circle circle("brine ");
  Words all = {"/bin/sh", "-c", "\"$@\" | head -c 8", "sh"};
  const auto command = circle.command({"--tokens", "100000000"});
  all.insert(all.end(), command.begin(), command.end());
  const auto ended = run(all);
  CHECK(ended.out == "brine br");
  CHECK(programs::messages(ended.err, "generate").size() == 1);
}
