// llama2.c files written byte by byte: every weight is read from its position, RoPE rotates the pairs of llama2.c, and
// invalid files are rejected.
#include "neutra/nn/families/llama2c.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

#include <complex>
#include <limits>

using namespace neutra;
using scratch::says;

namespace {

constexpr Index dim = 16, hidden = 10, layers = 2, heads = 2, kv_heads = 1, vocabulary = 7, longest = 5, width = 8;
using Header = std::array<std::int32_t, 7>;
constexpr Header tied_header{dim, hidden, layers, heads, kv_heads, vocabulary, longest};
constexpr Header untied_header{dim, hidden, layers, heads, kv_heads, -vocabulary, longest};

struct Part {
  std::string name;  // in a layer: of its weights
  Index layers, size;

  std::string of(Index layer) const { return layers == 1 ? name : concat("model.layers.", layer, ".", name); }
};
/// The parts of a file in order; rope: the two tables, which are skipped.
const std::vector<Part> parts{{"model.embed_tokens.weight", 1, vocabulary* dim},
                              {"input_layernorm.weight", layers, dim},
                              {"self_attn.q_proj.weight", layers, dim* dim},
                              {"self_attn.k_proj.weight", layers, kv_heads* width* dim},
                              {"self_attn.v_proj.weight", layers, kv_heads* width* dim},
                              {"self_attn.o_proj.weight", layers, dim* dim},
                              {"post_attention_layernorm.weight", layers, dim},
                              {"mlp.gate_proj.weight", layers, hidden* dim},
                              {"mlp.down_proj.weight", layers, dim* hidden},
                              {"mlp.up_proj.weight", layers, hidden* dim},
                              {"model.norm.weight", 1, dim}};

std::string bytes_of(const void* data, std::size_t size) { return {static_cast<const char*>(data), size}; }

/// A value that identifies its part, layer and element.
float number(std::size_t part, Index layer, Index element) {
  return static_cast<float>(
      std::sin(static_cast<double>(1 + element + 1000 * layer + 100000 * static_cast<Index>(part))));
}

std::string file(const Header& header) {
  std::string bytes = bytes_of(header.data(), sizeof header);
  const auto add = [&](float value) { bytes += bytes_of(&value, 4); };
  for (std::size_t part = 0; part < parts.size(); ++part)
    for (Index layer = 0; layer < parts[part].layers; ++layer)
      for (Index i = 0; i < parts[part].size; ++i) add(number(part, layer, i));
  for (Index i = 0; i < longest * width; ++i) add(99);
  if (header[5] < 0)
    for (Index i = 0; i < vocabulary * dim; ++i) add(number(parts.size(), 0, i));
  return bytes;
}

struct Written {
  scratch::Folder folder;
  io::Path path = folder / "model.bin";
  explicit Written(const std::string& bytes) { scratch::put(path, bytes); }
  auto load() const {
    return [this] { return nn::load_llama2c<float, Cpu>(path); };
  }
};

std::string with(Header header, std::size_t at, std::int32_t value) {
  header[at] = value;
  return file(tied_header).replace(0, sizeof header, bytes_of(header.data(), sizeof header));
}

/// y = W x for the rows of one head, as pairs (first, second), each rotated by `angle(p)`. The sum of products of two
/// such vectors is a score.
template <class F, class S>
std::vector<std::complex<double>> turned(const F& weight, Index head, const S& pair, Index position) {
  std::vector<std::complex<double>> result;
  for (Index p = 0; p < width / 2; ++p) {
    const auto [first, second] = pair(p);
    std::complex<double> y = 0;
    for (Index c = 0; c < dim; ++c)
      y += std::cos(0.3 * static_cast<double>(c)) *
           std::complex<double>(weight(head * width + first, c), weight(head * width + second, c));
    result.push_back(
        y * std::polar(1.0, static_cast<double>(position) * std::pow(10000.0, -2.0 * static_cast<double>(p) / width)));
  }
  return result;
}
double score(const std::vector<std::complex<double>>& q, const std::vector<std::complex<double>>& k) {
  double sum = 0;
  for (std::size_t p = 0; p < q.size(); ++p) sum += (q[p] * std::conj(k[p])).real();
  return sum;
}

}  // namespace

TEST_CASE("llama2c: every weight is read from its position") {
  for (const Header& header : {tied_header, untied_header}) {
    const Written written(file(header));
    const auto model = written.load()();
    const auto& config = model->config();
    nn::Config expected{.vocabulary = vocabulary,
                        .dim = dim,
                        .ffn = hidden,
                        .layers = layers,
                        .heads = heads,
                        .kv_heads = kv_heads,
                        .head_width = width,
                        .context = longest,
                        .norm_epsilon = 1e-5,
                        .numbers = {{"rope_theta", 10000.0}},
                        .tied = header[5] > 0,
                        .bos = 1,
                        .eos = {2, 1}};
    CHECK(config == expected);
    for (std::size_t part = 0; part < parts.size(); ++part)
      for (Index layer = 0; layer < parts[part].layers; ++layer) {
        const Index size = parts[part].size;
        const auto value = model->weight(parts[part].of(layer)).copy();
        CAPTURE(part, layer);
        REQUIRE(value.size() == size);
        bool right = true;
        for (Index i = 0; i < size; ++i) {
          Index from = i;
          if (part == 2 || part == 3) {
            const Index row = i / dim, p = row % width;
            from = (row - p + (p < width / 2 ? 2 * p : 2 * (p - width / 2) + 1)) * dim + i % dim;
          }
          right = right && value.data()[i] == number(part, layer, from);
        }
        CHECK(right);
      }
    if (!config.tied) CHECK(model->weight("lm_head.weight").copy().data()[3] == number(parts.size(), 0, 3));
  }
  const Written written(file(untied_header));
  CHECK(nn::load_llama2c<double, Cpu>(written.path)->weight("model.layers.1.mlp.up_proj.weight").copy().data()[7] ==
        static_cast<double>(number(9, 1, 7)));
}

TEST_CASE("llama2c: scores of half-split rows equal those of the interleaved rows of the file") {
  const Written written(file(tied_header));
  const auto model = written.load()();
  const auto in_file = [&](std::size_t part) {
    return [=](Index row, Index c) { return static_cast<double>(number(part, 1, row * dim + c)); };
  };
  const auto loaded = [&](std::string_view name) {
    return [&, name](Index row, Index c) {
      return static_cast<double>(model->weight(concat("model.layers.1.self_attn.", name)).copy().data()[row * dim + c]);
    };
  };
  const auto interleaved = [](Index p) { return std::pair(2 * p, 2 * p + 1); };
  const auto half_split = [](Index p) { return std::pair(p, p + width / 2); };
  for (Index head = 0; head < heads; ++head) {
    const double expected = score(turned(in_file(2), head, interleaved, 4), turned(in_file(3), 0, interleaved, 1));
    CHECK(score(turned(loaded("q_proj.weight"), head, half_split, 4),
                turned(loaded("k_proj.weight"), 0, half_split, 1)) == Approx(expected));
  }
}

TEST_CASE("llama2c: invalid header values") {
  const std::array<const char*, 7> keys{"dim",        "hidden_dim", "n_layers", "n_heads",
                                        "n_kv_heads", "vocab_size", "seq_len"};
  for (std::size_t at = 0; at < keys.size(); ++at)
    for (const std::int32_t value :
         {0, -3, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()}) {
      if (at == 5 && value != 0 && value != std::numeric_limits<std::int32_t>::min())
        continue;  // negative: a separate head
      const Written written(with(tied_header, at, value));
      CHECK(says(written.load(), written.path.string() + ": header: " + keys[at] + " must ", concat("got ", value)));
    }
  CHECK(says(Written(with(tied_header, 3, 3)).load(), "dim must be a multiple of n_heads, got 16 and 3"));
  CHECK(says(Written(with(tied_header, 4, 4)).load(), "n_heads must be a multiple of n_kv_heads, got 2 and 4"));
  CHECK(says(Written(with(tied_header, 3, 16)).load(), "head size", "must be even", "got 1"));
}

TEST_CASE("llama2c: the size must match to the byte") {
  const std::string good = file(tied_header);
  CHECK(says(Written(good.substr(0, good.size() - 3)).load(),
             concat("must have ", good.size(), " bytes, got ", good.size() - 3, ": 3 are missing")));
  CHECK(says(Written(good + "abcd").load(), concat("got ", good.size() + 4, ": 4 too many")));
  CHECK(says(Written(with(tied_header, 5, -vocabulary)).load(), "with a head",
             concat(vocabulary * dim * 4, " are missing")));
  CHECK(says(Written(with(tied_header, 2, 65536)).load(), "n_layers 65536", "are missing"));
  CHECK(says(Written(good.substr(0, 27)).load(), "28 bytes of header, got 27"));
  CHECK(says(Written("").load(), "28 bytes of header, got 0"));
}

TEST_CASE("llama2c: other formats are named, but a dim with the bytes of one is not") {
  CHECK(says(Written("24ka" + std::string(300, '\0')).load(), "version 0", "ak42"));
  CHECK(says(Written("PK\x03\x04" + std::string(300, '\0')).load(), "dim", "zip"));
  CHECK(says(Written("GGUF" + std::string(300, '\0')).load(), "dim", "GGUF"));
  CHECK(says(Written("{\"a\"}").load(), "JSON"));
  // 640 is stored as 0x80 0x02, the first bytes of a pickle.
  const Header wide{640, 2, 1, 1, 1, 1, 1};
  const std::string bytes = bytes_of(wide.data(), sizeof wide) +
                            std::string(4 * (640 + 2 * 640 + 4 * 640 * 640 + 3 * 2 * 640 + 640 + 640), '\0');
  const Written written(bytes);
  const auto model = written.load()();
  CHECK(model->config().dim == 640);
  CHECK(model->config().bos == -1);  // outside the vocabulary
  const scratch::Folder folder;
  CHECK(says([&] { nn::load_llama2c<float, Cpu>(folder / "none"); }, "none: cannot be opened"));
  CHECK(says([&] { nn::load_llama2c<float, Cpu>(folder.path()); }, "got a directory"));
}

TEST_CASE("llama2c: weights that are not finite are named") {
  std::string bytes = file(tied_header);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::size_t q1 = 28 + 4 * (vocabulary * dim + layers * dim + dim * dim);  // q of layer 1
  std::memcpy(bytes.data() + q1 + 4 * 17, &nan, 4);
  CHECK(
      says(Written(bytes).load(), "model.layers.1.self_attn.q_proj.weight", "finite, got nan at index 17 of (16,16)"));
}
