/// Recognises a file's format by its first bytes, so that an error about a wrong file can name what it is. All readers
/// share this list.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

/// The kind of content a reader accepts, and the kind a format counts as.
enum class FileKind { text, json, safetensors, sentencepiece, other };

/// A format as it is named in an error ("must be JSON, got a GGUF file; ..."), and the advice that follows.
struct FileFormat {
  std::string_view name, advice;
  FileKind kind = FileKind::other;
};

/// "a GGUF file; models are read as ..."
inline std::string to_string(const FileFormat& format) {
  return std::string(format.name).append("; ").append(format.advice);
}

/// Bytes from the start of a file that suffice to recognise any format except JSON Lines, JSON arrays and ORC, which
/// need the whole text.
inline constexpr std::size_t format_head = 512;

namespace detail::formats {

/// The magic number of a format: `start`, then `gap` arbitrary bytes, then `rest`. No plain text begins with one.
struct Signature {
  std::string_view start;
  std::size_t gap;
  std::string_view rest;
  FileFormat format;

  bool opens(std::string_view bytes) const {
    return bytes.starts_with(start) && bytes.size() >= start.size() + gap &&
           bytes.substr(start.size() + gap).starts_with(rest);
  }
};

inline constexpr std::string_view unpack = "unpack it first", extract = "take the text out of it first",
                                  to_utf8 = "convert it to UTF-8, as iconv does",
                                  to_safetensors =
                                      "models are read as a Hugging Face folder with safetensors: convert it",
                                  download = "the download went wrong: fetch the file again";
inline constexpr FileFormat parquet{
    "a Parquet file",
    "write it as JSON Lines with: python3 -c \"import pandas, sys; pandas.read_parquet(sys.argv[1])"
    ".to_json(sys.argv[2], orient='records', lines=True)\" IN.parquet OUT.jsonl"};

// clang-format off
inline constexpr Signature signatures[] = {
    {{"\x1f\x8b\x08", 3}, 0, {}, {"a gzip archive", unpack}},                         // RFC 1952
    {{"PK\x03\x04", 4}, 0, {}, {"a zip archive",
     "unpack it; weights that torch.save packed must be saved as safetensors"}},
    {{"PK\x05\x06", 4}, 0, {}, {"an empty zip archive", unpack}},
    {{"\x28\xb5\x2f\xfd", 4}, 0, {}, {"a zstd archive", unpack}},                     // RFC 8878
    {{}, 1, {"*M\x18", 3}, {"a zstd or lz4 archive", unpack}},  // their skippable frames, "P" to "_"
    {{"\x1f\x9d", 2}, 0, {}, {"a file of compress (.Z)", unpack}},
    {{"LZIP\x01", 5}, 0, {}, {"an lzip archive", unpack}},
    {{"\x5d\0\0", 3}, 0, {}, {"an lzma archive", unpack}},  // usual properties, a dictionary of whole 64 KiB
    {{"\xfd" "7zXZ\0", 6}, 0, {}, {"an xz archive", unpack}},
    {"BZh", 1, {"1AY&SY", 6}, {"a bzip2 archive", unpack}},                           // a block's magic number is pi
    {"BZh", 1, {"\x17rE8P\x90", 6}, {"an empty bzip2 archive", unpack}},              // and the end's its root
    {{"7z\xbc\xaf\x27\x1c", 6}, 0, {}, {"a 7z archive", unpack}},
    {{"\x04\x22\x4d\x18", 4}, 0, {}, {"an lz4 archive", unpack}},
    {{"Rar!\x1a\x07", 6}, 0, {}, {"a rar archive", unpack}},
    {{}, 257, {"ustar\0", 6}, {"a tar archive", unpack}},                             // POSIX
    {{}, 257, {"ustar  \0", 8}, {"a tar archive", unpack}},                           // GNU
    {{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8}, 0, {}, {"an Office document", extract}},
    {{"PAR1\x15", 5}, 0, {}, parquet},  // a page or footer header: Thrift, field 1 an i32
    {{"ARROW1\0\0", 8}, 0, {}, {"an Arrow file", extract}},
    {{"\xff\xff\xff\xff", 4}, 4, {"\x10\0\0\0", 4}, {"an Arrow stream", extract}},
    {{"Obj\x01", 4}, 0, {}, {"an Avro file", extract}},
    {{"SQLite format 3\0", 16}, 0, {}, {"an SQLite database", extract}},
    {{"\x89HDF\r\n\x1a\n", 8}, 0, {}, {"an HDF5 file", "save text as UTF-8, weights as safetensors"}},
    {{"\x93NUMPY", 6}, 0, {}, {"a NumPy array", "save text as UTF-8, weights as safetensors"}},
    {{"\x89PNG\r\n\x1a\n", 8}, 0, {}, {"a PNG picture", extract}},
    {{"\xff\xd8\xff", 3}, 0, {}, {"a JPEG picture", extract}},
    {"RIFF", 4, "WEBPVP8", {"a WebP picture", extract}},
    {"RIFF", 4, "WAVEfmt ", {"a WAVE sound", extract}},
    {"RIFF", 3, {"\0WAVE", 5}, {"a WAVE sound", extract}},  // below 16 MiB, whatever comes first in it
    {{"OggS\0", 5}, 0, {}, {"an Ogg sound or film", extract}},
    {{"\0\0\0", 3}, 1, "ftyp", {"an MP4 sound or film", extract}},
    {{"\x7f" "ELF", 4}, 0, {}, {"a program or library (ELF)", "name another file"}},
    {{"\xff\xfe\0\0", 4}, 0, {}, {"text in UTF-32", to_utf8}},
    {{"\0\0\xfe\xff", 4}, 0, {}, {"text in UTF-32", to_utf8}},
    {{"\xff\xfe", 2}, 0, {}, {"text in UTF-16", to_utf8}},
    {{"\xfe\xff", 2}, 0, {}, {"text in UTF-16", to_utf8}},
    // as torch.save wrote before version 1.6
    {{"\x80\x02", 2}, 0, {}, {"a Python pickle", "save text as UTF-8, weights as safetensors"}},
    {{"\x80\x03", 2}, 0, {}, {"a Python pickle", "save text as UTF-8, weights as safetensors"}},
    {{"\x80\x04", 2}, 0, {}, {"a Python pickle", "save text as UTF-8, weights as safetensors"}},
    {{"\x80\x05", 2}, 0, {}, {"a Python pickle", "save text as UTF-8, weights as safetensors"}},
    {"GGUF", 1, {"\0\0\0", 3}, {"a GGUF file", to_safetensors}},                      // its version, a small number
    {{"GGUF\0\0\0", 7}, 0, {}, {"a GGUF file", to_safetensors}},
    {"lmgg", 2, {"\0\0", 2}, {"a GGML file", to_safetensors}},                        // a vocabulary below 65536
    {"fmgg", 1, {"\0\0\0", 3}, {"a GGML file", to_safetensors}},                      // a version, as in GGUF
    {"tjgg", 1, {"\0\0\0", 3}, {"a GGML file", to_safetensors}},
    {"algg", 1, {"\0\0\0", 3}, {"a GGML file", to_safetensors}},
    {"24ka", 1, {"\0\0\0", 3}, {"a llama2.c file (ak42)", "export it with --version 0 or as a Hugging Face folder"}},
    {{"ak42\0\0\0", 7}, 0, {}, {"a llama2.c file (ak42) of the other byte order",
     "export it with --version 0 or as a Hugging Face folder"}},
    {{"\xc6\xd7\x34\x01", 4}, 1, {"\0\0\0", 3}, {"a model of llm.c",                    // 20240326, a version
     "write it as a Hugging Face folder with its dev/eval/export_hf.py"}},
    // a length below 2^32
    {{}, 4, {"\0\0\0\0{\"", 6}, {"a safetensors file",
     "weights are named by the folder they are in", FileKind::safetensors}},
    {"\n", 1, {"\n\x05<", 3}, {"a SentencePiece model", "name another file", FileKind::sentencepiece}},
    {"<!DOCTYPE html", 0, {}, {"a web page", download, FileKind::text}},
    {"<!doctype html", 0, {}, {"a web page", download, FileKind::text}},
    {"<html", 0, {}, {"a web page", download, FileKind::text}},
    {"<?xml", 0, {}, {"XML text", download, FileKind::text}},
};
// clang-format on

inline constexpr FileFormat pdf{"a PDF document", "take the text out of it first, as pdftotext does"},
    lfs_pointer{"a Git LFS pointer, not the file itself", "run git lfs pull, or download the file"},
    utf16{"text in UTF-16 without a byte order mark", to_utf8}, json{"JSON text", "name another file", FileKind::json},
    orc{"an ORC file", extract}, gif{"a GIF picture", extract},
    json_array{"a JSON array",
               "take the text out of it first, as jq -r '.[].text' does; to train on the JSON itself, put an empty "
               "line before it"},
    json_lines{"JSON Lines",
               "rename it to end in .jsonl, and name the field of the text with --field; to train on the JSON itself, "
               "put an empty line before it"};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// PDF: "%PDF-1.7", a line end, and then what a text about PDF would not contain,
/// a comment with non-ASCII bytes or an object.
inline bool is_pdf(std::string_view bytes) {
  if (!bytes.starts_with("%PDF-") || bytes.size() < 8 || !is_digit(bytes[5]) || bytes[6] != '.' || !is_digit(bytes[7]))
    return false;
  const std::size_t line = bytes.find_first_not_of(" \r\n", 8);
  if (line == bytes.npos || bytes.substr(8, line - 8).find_first_of("\r\n") == bytes.npos) return false;
  if (bytes[line] == '%') return line + 1 < bytes.size() && static_cast<unsigned char>(bytes[line + 1]) >= 0x80;
  return is_digit(bytes[line]) && bytes.substr(line, 24).find(" 0 obj") != bytes.npos;
}

/// GIF: the seven bytes after the magic number. Among them are the high bytes of width and height, below 0x20 for a
/// picture of fewer than 8192 pixels; text has no such bytes.
inline bool is_gif(std::string_view bytes) {
  if (!bytes.starts_with("GIF87a") && !bytes.starts_with("GIF89a")) return false;
  const std::string_view sizes = bytes.substr(6, 7);
  return std::any_of(sizes.begin(), sizes.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 && (c < '\t' || c > '\r'); });
}

/// ORC: begins with "ORC" and ends with "ORC" and one byte, the length of the postscript before it.
inline bool is_orc(std::string_view bytes) {
  constexpr std::string_view magic = "ORC", line_ends = "\r\n";
  return bytes.size() >= 7 && bytes.starts_with(magic) && bytes.substr(bytes.size() - 4, 3) == magic &&
         static_cast<unsigned char>(bytes.back()) < ' ' && line_ends.find(bytes.back()) == line_ends.npos;
}

/// Git LFS pointer: a fixed first line and the key of the second, in fewer than 1024 bytes.
/// The Git LFS specification
inline bool is_lfs_pointer(std::string_view bytes) {
  constexpr std::string_view first = "version https://git-lfs.github.com/spec/v1";
  if (!bytes.starts_with(first) || bytes.size() >= 1024) return false;
  bytes.remove_prefix(first.size());
  if (bytes.starts_with('\r')) bytes.remove_prefix(1);
  return bytes.starts_with("\noid ") || bytes.starts_with("\next-");
}

/// UTF-16 without a byte order mark: in the first eight characters every second byte is zero.
inline bool is_utf16(std::string_view bytes) {
  if (bytes.size() < 16) return false;
  std::size_t even = 0, odd = 0;
  for (std::size_t i = 0; i < 16; ++i) (i % 2 == 0 ? even : odd) += bytes[i] == '\0';
  return (even == 0 && odd == 8) || (even == 8 && odd == 0);
}

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(spaces);
  return begin == text.npos ? std::string_view() : text.substr(begin, text.find_last_not_of(spaces) + 1 - begin);
}

/// A JSON object: a brace and the first key.
inline bool opens_object(std::string_view text) {
  return text.starts_with('{') && trimmed(text.substr(1)).starts_with('"');
}

/// A JSON array of strings or objects, as data sets of documents are; "[1]" and "[Music]" are text.
inline bool opens_array(std::string_view text) {
  if (!text.starts_with('[')) return false;
  const std::string_view inside = trimmed(text.substr(1));
  return inside.starts_with('"') || opens_object(inside);
}

inline std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
}

inline bool is_json_array(std::string_view text) {
  text = without_byte_order_mark(text);
  return opens_array(text) && trimmed(text).ends_with(']');
}

/// One JSON string: quotes at both ends, and inside only escaped quotes.
inline bool is_json_string(std::string_view text) {
  if (!text.starts_with('"')) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1 == text.size();
    i += text[i] == '\\';
  }
  return false;
}

/// Whether each of the first hundred lines is JSON: an object or an array (judged by its first and last character) or a
/// string. A file of one line must be an object: is_json_array recognises arrays, and a single quoted line is text.
inline bool is_json_lines(std::string_view text) {
  text = without_byte_order_mark(text);
  const bool object = opens_object(text);
  int lines = 0;
  for (; lines < 100 && !trimmed(text).empty(); ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    if (!(opens_object(line) && line.ends_with('}')) && !is_json_array(line) && !is_json_string(line)) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines > 1 || (lines == 1 && object);
}

}  // namespace detail::formats

/// The format of a file if it is recognised and is not what the reader wants; otherwise null. `bytes`: a whole text, or
/// the first `format_head` bytes of another file. JSON and web pages count as text, and so does plain text that only
/// begins like some format ("BZh", "GGUF", "%PDF-").
inline const FileFormat* other_format(std::string_view bytes, FileKind wanted) {
  using namespace detail::formats;
  const auto wrong = [&](const FileFormat& format) {
    const bool text = format.kind == FileKind::text || format.kind == FileKind::json;
    return format.kind == FileKind::other || (format.kind != wanted && !(text && wanted == FileKind::text));
  };
  for (const Signature& signature : signatures)
    if (signature.opens(bytes)) return wrong(signature.format) ? &signature.format : nullptr;
  if (is_pdf(bytes)) return &pdf;
  if (is_gif(bytes)) return &gif;
  if (is_orc(bytes)) return &orc;
  if (is_lfs_pointer(bytes)) return &lfs_pointer;
  if (is_utf16(bytes)) return &utf16;
  if (wanted == FileKind::text && is_json_lines(bytes)) return &json_lines;
  if (wanted == FileKind::text && is_json_array(bytes)) return &json_array;
  return (opens_object(bytes) || opens_array(bytes)) && wrong(json) ? &json : nullptr;
}

}}  // namespace neutra::NEUTRA_ABI
