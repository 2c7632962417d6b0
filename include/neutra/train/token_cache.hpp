/// The tokens of texts, kept in files from one run to the next:
///     header of 232 bytes (TokenFileHeader), ids of 2 or 4 bytes, zeros up to a multiple of 8, runs that are not
///     scored
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/documents.hpp"
#include "neutra/data/text_memory.hpp"
#include "neutra/data/token_stream.hpp"
#include "neutra/io/mapped_file.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/sha256.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

static_assert(std::endian::native == std::endian::little, "neutra: files of tokens are little-endian");
static_assert(sizeof(data::Run) == 16, "neutra: runs are written as two numbers of 8 bytes");

/// The identity of a text: SHA-256 of its bytes, of the ends of its documents, and of what of it is not scored. Where
/// the bytes end in a digit, it would not show where they end: "a 1" would be as "a" with an end at 1. Their own digest
/// then stands for them, and "\n1", with which neither another text nor what follows one can end, stands last.
inline std::string text_sha256(const data::TextPart& text) {
  io::Sha256 sum;
  const bool digit = !text.bytes.empty() && text.bytes.back() >= '0' && text.bytes.back() <= '9';
  digit ? sum.update(io::sha256_hex(text.bytes)) : sum.update(text.bytes);
  for (const std::size_t end : text.ends) sum.update(concat(' ', end));
  for (const data::Run& run : text.unscored) sum.update(concat(" unscored ", run.begin, '-', run.end));
  if (digit) sum.update("\n1");
  return sum.hex();
}

namespace detail {

using HexDigest = std::array<char, 64>;
inline HexDigest digest_of(std::string_view hex) {
  HexDigest digest{};
  hex.copy(digest.data(), digest.size());
  return digest;
}

/// Digests are SHA-256 in hexadecimal digits: of the text (text_sha256), of the tokenizer's file, and of all bytes
/// behind the header.
struct TokenFileHeader {
  std::array<char, 8> magic{'n', 'e', 'u', 't', 'o', 'k', 'e', 'n'};
  std::uint32_t version = 1;  // another one for other tokens of the same text, too
  std::uint32_t id_bytes = 0;
  std::uint64_t tokens = 0, runs = 0;
  std::int64_t eos = -1;
  HexDigest text{}, tokenizer{}, content{};

  std::uint64_t padded_id_bytes() const { return (tokens * id_bytes + 7) / 8 * 8; }
};
static_assert(sizeof(TokenFileHeader) == 232);

/// The runs of a file that has the bytes of its header.
inline data::Runs runs_of(std::string_view file, const TokenFileHeader& header) {
  data::Runs runs(header.runs);
  if (header.runs > 0)
    std::memcpy(runs.data(), file.data() + sizeof header + header.padded_id_bytes(), header.runs * sizeof(data::Run));
  return runs;
}

/// Why a file does not hold the tokens that `wanted` asks for; empty if it does.
inline std::string wrong_with(std::string_view file, const TokenFileHeader& wanted) {
  TokenFileHeader got;
  if (file.size() < sizeof got) return concat("has ", file.size(), " bytes, fewer than its header");
  std::memcpy(&got, file.data(), sizeof got);
  if (got.magic != wanted.magic) return "is no file of tokens";
  if (got.version != wanted.version) return concat("has version ", got.version, ", not ", wanted.version);
  if (got.tokenizer != wanted.tokenizer || got.id_bytes != wanted.id_bytes) return "is of another tokenizer";
  if (got.eos != wanted.eos) return "separates documents by another token";
  if (got.text != wanted.text) return "is of another text";
  const std::uint64_t rest = file.size() - sizeof got;
  const bool bounded = got.tokens <= rest / got.id_bytes && got.runs <= rest / sizeof(data::Run);
  const std::uint64_t runs_bytes = bounded ? got.runs * sizeof(data::Run) : 0;
  if (!bounded || rest != got.padded_id_bytes() + runs_bytes)
    return concat("has ", rest, " bytes behind its header, not those of ", got.tokens, " tokens");
  if (digest_of(io::sha256_hex(file.substr(sizeof got))) != got.content) return "does not match its hash";
  std::uint64_t end = 0;
  for (const data::Run& run : runs_of(file, got)) {
    if (run.begin < end || run.begin >= run.end || run.end > got.tokens) return "marks what are no runs of its tokens";
    end = run.end + 1;  // the next does not touch it
  }
  return {};
}

}  // namespace detail

/// Tokens in files of a folder, a file for each text and tokenizer. A file that is there and whole is used; one that is
/// damaged, or of something else, is named in a remark and made again.
class TokenCache {
 public:
  /// memory: of the tokens while they are made; the folder is created when it is needed
  TokenCache(io::Path folder, data::TextMemory memory) : folder_(std::move(folder)), memory_(std::move(memory)) {}

  /// The tokens of a text, mapped; eos: see data::encode_documents.
  /// Error: the folder cannot be written, or lacks the space; a file there cannot be read.
  data::TokenStream tokens(const data::Tokenizer& tokenizer, const data::TextPart& text,
                           std::optional<std::int32_t> eos) {
    detail::TokenFileHeader header;
    header.eos = eos.value_or(-1);
    header.id_bytes = std::max(tokenizer.vocab(), Index{header.eos} + 1) <= 65536 ? 2 : 4;
    const std::string of_text = text_sha256(text), of_tokenizer = io::sha256_hex(tokenizer.serialized());
    header.text = detail::digest_of(of_text);
    header.tokenizer = detail::digest_of(of_tokenizer);
    const std::string key = io::sha256_hex(concat(of_text, of_tokenizer, header.eos));
    const io::Path path = folder_ / concat("tokens-", key.substr(0, 16), ".bin");
    if (auto kept = read(path, header)) return std::move(*kept);
    io::make_folder(folder_, concat("--token-cache ", folder_.string()));
    io::remove_temporaries(folder_);  // as large as the files that runs which were killed would have written
    header.id_bytes == 2 ? write<std::uint16_t>(path, header, tokenizer, text, eos)
                         : write<std::int32_t>(path, header, tokenizer, text, eos);
    auto made = read(path, header);
    require(bool(made), path.string(), ": must hold the tokens that were written, but does not; check the disk");
    return std::move(*made);
  }

  /// On files that were made again.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  /// Empty if there is no such file, or another one, which adds a remark.
  std::optional<data::TokenStream> read(const io::Path& path, const detail::TokenFileHeader& wanted) {
    std::error_code absent;
    if (std::filesystem::symlink_status(path, absent).type() == std::filesystem::file_type::not_found) return {};
    auto file = std::make_shared<const io::MappedFile>(std::make_shared<const io::InputFile>(path));
    const std::string_view bytes = file->view();
    if (const std::string wrong = detail::wrong_with(bytes, wanted); !wrong.empty()) {
      remarks_.push_back(concat("note: --token-cache: ", path.string(), ' ', wrong, "; it is made again"));
      return {};
    }
    detail::TokenFileHeader got;
    std::memcpy(&got, bytes.data(), sizeof got);
    const char* const ids = bytes.data() + sizeof got;
    data::Runs runs = detail::runs_of(bytes, got);
    if (got.id_bytes == 2) return stream<std::uint16_t>(std::move(file), ids, got.tokens, std::move(runs));
    return stream<std::int32_t>(std::move(file), ids, got.tokens, std::move(runs));
  }
  template <class Id>
  static data::TokenStream stream(std::shared_ptr<const io::MappedFile> file, const char* ids, std::size_t count,
                                  data::Runs runs) {
    return {std::move(file), std::span<const Id>(reinterpret_cast<const Id*>(ids), count), std::move(runs)};
  }

  template <class Id>
  void write(const io::Path& path, detail::TokenFileHeader header, const data::Tokenizer& tokenizer,
             const data::TextPart& text, std::optional<std::int32_t> eos) const {
    std::vector<Id, data::TextAllocator<Id>> ids{data::TextAllocator<Id>(memory_)};
    data::Runs runs;
    ids.reserve(text.bytes.size() / 3 + 1);
    data::encode_documents(tokenizer, text, eos, [&](std::span<const std::int32_t> next, bool scored) {
      if (!scored) append_run(runs, {ids.size(), ids.size() + next.size()});
      for (const std::int32_t id : next) ids.push_back(static_cast<Id>(id));
    });
    header.tokens = ids.size();
    header.runs = runs.size();
    const std::string zeros(header.padded_id_bytes() - ids.size() * sizeof(Id), '\0');
    const std::array<std::string_view, 3> parts{bytes_of(ids), zeros, bytes_of(runs)};
    io::Sha256 sum;
    for (const std::string_view part : parts) sum.update(part);
    header.content = detail::digest_of(sum.hex());
    io::OutputFile file(path);
    file.write({reinterpret_cast<const char*>(&header), sizeof header});
    for (const std::string_view part : parts) file.write(part);
    file.commit();
  }
  template <class List> static std::string_view bytes_of(const List& list) {
    return {reinterpret_cast<const char*>(list.data()), list.size() * sizeof(list[0])};
  }

  io::Path folder_;
  data::TextMemory memory_;
  std::vector<std::string> remarks_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
