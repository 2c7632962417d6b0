// Files of other formats are named; text that only begins like another format is text.
#include "neutra/core/file_format.hpp"

#include "tests/catch.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace neutra;
using namespace std::string_view_literals;

namespace {

std::string_view named(std::string_view bytes, FileKind wanted = FileKind::other) {
  const FileFormat* format = other_format(bytes, wanted);
  return format ? format->name : "";
}

std::string tar(std::string_view magic) {
  return "name" + std::string(253, '\0') + std::string(magic) + std::string(247, '\0');
}

}  // namespace

TEST_CASE("formats are known by their first bytes, by every reader") {
  const std::vector<std::pair<std::string, std::string_view>> files = {
      {"\x1f\x8b\x08rest", "a gzip archive"},
      {"PK\x03\x04rest", "a zip archive"},
      {"PK\x05\x06", "an empty zip archive"},
      {"\x28\xb5\x2f\xfdrest", "a zstd archive"},
      {std::string("\x50*M\x18\x04\0\0\0rest", 12), "a zstd or lz4 archive"},
      {"\x1f\x9d\x90rest", "a file of compress (.Z)"},
      {"LZIP\x01\x0crest", "an lzip archive"},
      {std::string("\x5d\0\0\x80\0\xff\xff\xff\xff", 9), "an lzma archive"},
      {std::string("\xfd"
                   "7zXZ\0",
                   6),
       "an xz archive"},
      {"BZh91AY&SYrest", "a bzip2 archive"},
      {"BZh9\x17rE8P\x90", "an empty bzip2 archive"},
      {"7z\xbc\xaf\x27\x1c", "a 7z archive"},
      {"\x04\x22\x4d\x18", "an lz4 archive"},
      {tar("ustar\0"
           "00"sv),
       "a tar archive"},
      {tar("ustar  \0"sv), "a tar archive"},
      {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"},
      {std::string("PAR1\x15\x04\x15\0", 8), "a Parquet file"},
      {std::string("ARROW1\0\0", 8), "an Arrow file"},
      {std::string("\xff\xff\xff\xff\x78\0\0\0\x10\0\0\0", 12), "an Arrow stream"},
      {std::string("SQLite format 3\0", 16), "an SQLite database"},
      {"\x89HDF\r\n\x1a\n", "an HDF5 file"},
      {"\x93NUMPY", "a NumPy array"},
      {std::string("GIF89a\x01\0\x01\0\x80\0\0\xff", 14), "a GIF picture"},
      {"GIF89a\x80\x02\xa5\x01\xf7\x02\x31", "a GIF picture"},  // the header declares an aspect ratio
      {std::string("GIF87a\x20\x03\x58\x02\xf7\xff\0\0", 14), "a GIF picture"},
      {std::string("RIFF\x24\x08\0\0WEBPVP8 ", 16), "a WebP picture"},
      {std::string("RIFF\x24\x08\0\x7fWAVEfmt \x10\0\0\0", 20), "a WAVE sound"},
      {std::string("RIFF\x24\x08\0\0WAVEJUNK", 16), "a WAVE sound"},
      {std::string("OggS\0\x02", 6), "an Ogg sound or film"},
      {std::string("\0\0\0\x20"
                   "ftypisom",
                   12),
       "an MP4 sound or film"},
      {std::string("Obj\x01\x04\x16"
                   "avro.schema",
                   17),
       "an Avro file"},
      {std::string("ORC\x08\x03\x10\x18\x22\x03ORC\x17", 13), "an ORC file"},
      {std::string("lmgg\0\x7d\0\0\0\x10\0\0", 12), "a GGML file"},
      {std::string("fmgg\x01\0\0\0", 8), "a GGML file"},
      {std::string("tjgg\x03\0\0\0", 8), "a GGML file"},
      {std::string("algg\x01\0\0\0", 8), "a GGML file"},
      {"\x7f"
       "ELF",
       "a program or library (ELF)"},
      {std::string("\xff\xfe\0\0h\0\0\0", 8), "text in UTF-32"},
      {std::string("\0\0\xfe\xff\0\0\0h", 8), "text in UTF-32"},
      {std::string("\xff\xfeh\0i\0", 6), "text in UTF-16"},
      {std::string("\xfe\xff\0h\0i", 6), "text in UTF-16"},
      {std::string("t\0h\0e\0 \0r\0i\0v\0e\0r\0", 18), "text in UTF-16 without a byte order mark"},
      {std::string("\0t\0h\0e\0 \0r\0i\0v\0e\0r", 18), "text in UTF-16 without a byte order mark"},
      {"\x80\x02}q", "a Python pickle"},
      {"\x80\x05\x95", "a Python pickle"},
      {std::string("GGUF\x03\0\0\0", 8), "a GGUF file"},
      {std::string("GGUF\0\0\0\x03", 8), "a GGUF file"},
      {std::string("24ka\x01\0\0\0", 8), "a llama2.c file (ak42)"},
      {std::string("\xc6\xd7\x34\x01\x03\0\0\0", 8), "a model of llm.c"},
      {std::string("ak42\0\0\0\x01", 8), "a llama2.c file (ak42) of the other byte order"},
      {"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"},
      {"%PDF-1.4\r\n1 0 obj", "a PDF document"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
       "a Git LFS pointer, not the file itself"},
      {"version https://git-lfs.github.com/spec/v1\next-0-x sha256:4d7a\noid sha256:4d7a\nsize 12345\n",
       "a Git LFS pointer, not the file itself"}};
  for (const auto& [bytes, name] : files)
    for (const FileKind wanted :
         {FileKind::text, FileKind::json, FileKind::safetensors, FileKind::sentencepiece, FileKind::other}) {
      INFO(name);
      CHECK(named(bytes, wanted) == name);
      CHECK(other_format(bytes, wanted)->advice.size() > 5);
    }
}

TEST_CASE("text that begins as another format does is text") {
  const std::string spaces(300, ' ');
  const std::vector<std::string> texts = {
      "",
      "PK",
      "BZh",
      "BZh91 is the start of a bzip2 file",
      "GGUF",
      "GGUF is a format",
      "GGUF\nis a format",
      "%PDF-",
      "%PDF-1.7 is the first line of a PDF document",
      "%PDF-1.7\nis the first line of a PDF document",
      "%PDF-1.7\n% is a comment of PostScript",
      "PAR1 is how Parquet begins",
      "PAR1",
      "24karat",
      "ak42 is a magic number",
      "SQLite format 3\nis a format",
      "ARROW1 and ARROW2",
      "7z and 7zXZ",
      "Rar! is rare",
      "version https://git-lfs.github.com/spec/v1 is what a pointer begins with",
      "version https://git-lfs.github.com/spec/v1\n\nis what a pointer begins with",
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n" + std::string(1024, 'x'),
      spaces.substr(0, 257) + "ustar is a format",
      "{\n  \"a\": 1\n}\n",
      "{a set}\n{another}\n",
      "{\"a\": 1} is JSON\n{\"b\": 2}\n",
      "{\"a\": 1}\nand text\n",
      "\n{\"a\": 1}\n",
      "[1, 2]\n",
      "[1, 2]\n[3, 4]\n",
      "[Music]\n[Applause]\n",
      "[[Link]]\n[[Another]]\n",
      "[\"a\", \"b\"] is a list\n[\"c\"]\nand text\n",
      "[{\"a\": 1}] is JSON",
      "\n[{\"a\": 1}]\n",
      "[{a set}]\n",
      "\"Nobody asked.\"\n",
      "\"Nobody asked,\" she said.\n\"Who?\"\n",
      "\"Who\", \"me?\"\n\"You.\"\n",
      "\"\\\"\n\"\\\"\n",
      "GIF89a is how a GIF begins",
      "GIF89a",
      "GIF89a\nGIF87a\n",
      "RIFF",
      "RIFF or WAVE files hold sound",
      "ORC begins and ends with ORC\n",
      "ORC",
      "Object\n",
      "OggS is how Ogg begins",
      "LZIP1 and LZIP",
      "P*M is a product",
      "]\n[",
      "an ftyp box",
      "lmgg, fmgg, tjgg and algg",
      "<html><body>text</body></html>",
      "<!DOCTYPE html>\n",
      "<?xml version=\"1.0\"?>",
      "\xef\xbb\xbftext with a byte order mark"};
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(named(text, FileKind::text).empty());
  }
}

TEST_CASE("what one reader takes is named to the others") {
  const auto safetensors = "\x10\0\0\0\0\0\0\0{\"a\":1}"sv, sentencepiece = "\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02"sv;
  CHECK(named(safetensors, FileKind::safetensors).empty());
  CHECK(named(safetensors, FileKind::text) == "a safetensors file");
  CHECK(named(sentencepiece, FileKind::sentencepiece).empty());
  CHECK(named(sentencepiece, FileKind::text) == "a SentencePiece model");
  CHECK(named("{\"a\": 1}", FileKind::json).empty());
  CHECK(named("{\n \"a\": 1}", FileKind::safetensors) == "JSON text");
  CHECK(named("{\n \"a\": 1}", FileKind::text).empty());
  CHECK(named("<!DOCTYPE html>", FileKind::json) == "a web page");
  CHECK(named("<?xml version=\"1.0\"?>", FileKind::safetensors) == "XML text");
}

TEST_CASE("JSON Lines are named where text is wanted, with the way out") {
  CHECK(named("{\"text\": \"one\"}\n{\"text\": \"two\"}\n", FileKind::text) == "JSON Lines");
  CHECK(named("{ \"text\": \"one\" }\r\n{ \"text\": \"two\" }", FileKind::text) == "JSON Lines");
  CHECK(named("\xef\xbb\xbf{\"text\": \"one\"}\n\n", FileKind::text) == "JSON Lines");
  CHECK(named("\"one\"\n\"a \\\"second\\\" one\\n\"\n", FileKind::text) == "JSON Lines");
  CHECK(named("[\"one\", 1]\r\n[\"two\", 2]\r\n", FileKind::text) == "JSON Lines");
  CHECK(named("[{\"text\": \"one\"}]\n[{\"text\": \"two\"}]", FileKind::text) == "JSON Lines");
  CHECK(to_string(*other_format("{\"text\": \"one\"}\n", FileKind::text)).find("to end in .jsonl") !=
        std::string::npos);
}

TEST_CASE(
    "a JSON array of documents is named where text is wanted, with the way out, and to every reader but that of JSON") {
  for (const std::string_view array :
       {"[{\"text\": \"one\"},\n{\"text\": \"two\"}]\n"sv, "[{\"text\": \"one\"}, {\"text\": \"two\"}]"sv,
        "\xef\xbb\xbf[\n  {\n    \"text\": \"one\"\n  }\n]\n"sv, "[\"one\",\n\"two\"]\n\n"sv, "[ \"one\" ]"sv}) {
    INFO(array);
    CHECK(named(array, FileKind::text) == "a JSON array");
    CHECK(named(array, FileKind::json).empty());
  }
  CHECK(named("[{\"a\": 1}]", FileKind::safetensors) == "JSON text");
  CHECK(to_string(*other_format("[{\"text\": \"one\"}]", FileKind::text)).find("jq -r '.[].text'") !=
        std::string::npos);
}
