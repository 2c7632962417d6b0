// GGUF files written byte by byte: every type of value and tensor is read, and invalid files are rejected.
#include "neutra/io/gguf.hpp"

#include "tests/catch.hpp"
#include "tests/io/gguf_bytes.hpp"
#include "tests/io/scratch.hpp"

#include <limits>

using namespace neutra;
using namespace samples;
using scratch::says;

namespace {

struct Written {
  scratch::Folder folder;
  io::Path path = folder / "model.gguf";
  explicit Written(const std::string& bytes) { scratch::put(path, bytes); }
  auto open() const {
    return [this] { return io::Gguf::open(path); };
  }
};

// Two tensors of float, the first of which is padded.
GgufBytes small() {
  return {{{"general.architecture", text("llama")}},
          {{"a", {3, 2}, 0, raw_all<float>({1, 2, 3, 4, 5, 6})}, {"b", {1}, 0, raw<float>(7)}}};
}
auto opens(const GgufBytes& bytes) {
  return [bytes] { Written(bytes.file()).open()(); };
}

}  // namespace

TEST_CASE("gguf: keys of every type") {
  GgufBytes bytes = small();
  bytes.set("u8", raw<std::uint32_t>(0) + raw<std::uint8_t>(200));
  bytes.set("i8", raw<std::uint32_t>(1) + raw<std::int8_t>(-3));
  bytes.set("u16", raw<std::uint32_t>(2) + raw<std::uint16_t>(60000));
  bytes.set("i16", raw<std::uint32_t>(3) + raw<std::int16_t>(-300));
  bytes.set("u32", u32(4000000000u));
  bytes.set("i32", raw<std::uint32_t>(5) + raw<std::int32_t>(-70000));
  bytes.set("f32", f32(0.5f));
  bytes.set("yes", flag(1));
  bytes.set("no", flag(0));
  bytes.set("text", text("a\xe2\x96\x81z"));
  bytes.set("texts", texts({"", "b"}));
  bytes.set("floats", array_of<float>(6, {1.5f, -2}));
  bytes.set("u64", raw<std::uint32_t>(10) + raw<std::uint64_t>(1));
  bytes.set("i64", raw<std::uint32_t>(11) + raw<std::int64_t>(-1));
  bytes.set("f64", raw<std::uint32_t>(12) + raw<double>(0.1));
  const Written written(bytes.file());
  const auto file = written.open()();
  const io::Json expected = {{"general.architecture", "llama"},
                             {"u8", 200},
                             {"i8", -3},
                             {"u16", 60000},
                             {"i16", -300},
                             {"u32", 4000000000u},
                             {"i32", -70000},
                             {"f32", 0.5},
                             {"yes", true},
                             {"no", false},
                             {"text", "a\xe2\x96\x81z"},
                             {"texts", {"", "b"}},
                             {"floats", {1.5, -2.0}},
                             {"u64", 1},
                             {"i64", -1},
                             {"f64", 0.1}};
  CHECK(file.metadata() == expected);
  CHECK(file.name() == written.path.string());
}

TEST_CASE("gguf: tensors of every type are widened") {
  std::string q8 = raw<std::uint16_t>(0x3800), q4 = raw<std::uint16_t>(0xc000);  // 0.5 and -2
  for (int i = 0; i < 32; ++i) q8 += static_cast<char>(i - 128);
  for (int i = 0; i < 16; ++i) q4 += static_cast<char>(i | (15 - i) << 4);
  GgufBytes bytes = small();
  bytes.tensors.push_back({"half", {2, 1}, 1, raw<std::uint16_t>(0xbc00) + raw<std::uint16_t>(1)});
  bytes.tensors.push_back({"bf16", {2}, 30, raw<std::uint16_t>(0x4049) + raw<std::uint16_t>(0x8000)});
  bytes.tensors.push_back({"q8", {32, 2}, 8, q8 + q8});
  bytes.tensors.push_back({"q4", {32}, 2, q4});
  for (const std::uint64_t alignment : {32, 64, 8, 1}) {
    bytes.alignment = alignment;
    bytes.set("general.alignment", u32(static_cast<std::uint32_t>(alignment)));
    for (bytes.version = 2; bytes.version <= 3; ++bytes.version) {
      const Written written(bytes.file());
      const auto file = written.open()();
      const auto values = [&](const char* name) { return file.read<float>(*file.find(name)); };
      CHECK(file.entries().size() == 6);
      CHECK(file.find("none") == nullptr);
      CHECK(values("a").shape() == Shape{2, 3});
      CHECK(values("a").data()[4] == 5);
      CHECK(file.read<double>(*file.find("b")).data()[0] == 7.0);
      CHECK(values("half").data()[0] == -1);
      CHECK(values("half").data()[1] == 0x1p-24f);
      CHECK(values("bf16").data()[0] == 3.140625f);
      bool right = true;
      for (int i = 0; i < 32; ++i) {
        right = right && values("q8").data()[i] == 0.5f * static_cast<float>(i - 128);
        right = right && values("q8").data()[32 + i] == 0.5f * static_cast<float>(i - 128);
        right = right && values("q4").data()[i] == -2.0f * static_cast<float>((i < 16 ? i : 31 - i) - 8);
      }
      CHECK(right);
    }
  }
}

TEST_CASE("gguf: large tensors are read in parts") {
  GgufBytes bytes;
  std::vector<float> numbers(700001);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  bytes.tensors.push_back({"long", {numbers.size()}, 0, raw_all(numbers)});
  const Written written(bytes.file());
  const auto file = written.open()();
  const auto values = file.read<float>(file.entries()[0]);
  CHECK(std::equal(numbers.begin(), numbers.end(), values.data()));
  numbers[600000] = std::numeric_limits<float>::infinity();
  bytes.tensors[0].data = raw_all(numbers);
  const Written broken(bytes.file());
  CHECK(says([&] { io::Gguf::open(broken.path).read<float>(broken.open()().entries()[0]); },
             "model.gguf: tensor long: values must be finite, got inf at index 600000 of (700001)"));
}

TEST_CASE("gguf: other formats, versions and byte orders are named") {
  GgufBytes bytes = small();
  const auto version = [&](std::uint32_t number) {
    bytes.version = number;
    return opens(bytes);
  };
  CHECK(says(version(1), "must have version 2 or 3, got 1", "convert the model again"));
  CHECK(says(version(4), "got 4", "newer"));
  CHECK(says(version(0x03000000), "little-endian"));
  bytes.magic = "GGML";
  CHECK(says(version(3), "model.gguf: a GGUF file must begin with \"GGUF\", got "));
  CHECK(says([] { Written("PK\x03\x04" + std::string(90, 'x')).open()(); }, "a zip archive"));
  CHECK(says([] { Written("").open()(); }, "must begin with \"GGUF\""));
  CHECK(says([] { Written("GG").open()(); }, "must begin with \"GGUF\""));
  const scratch::Folder folder;
  CHECK(says([&] { io::Gguf::open(folder.path()); }, "got a directory"));
  CHECK(says([&] { io::Gguf::open(folder / "none"); }, "cannot be opened"));
}

TEST_CASE("gguf: every truncation and every trailing byte is an Error") {
  const std::string whole = small().file();
  const std::size_t end = whole.size() - 28;  // the last padding may be absent
  for (std::size_t size = 0; size < end; ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(::message([&] { Written(whole.substr(0, size)).open()(); }).empty());
  }
  CHECK_NOTHROW(Written(whole.substr(0, end)).open()());
  CHECK(says([&] { Written(whole.substr(0, end - 3)).open()(); }, "tensor b: must end at byte", "3 are missing"));
  CHECK(says([&] { Written(whole + "xy").open()(); }, "2 bytes too many"));
}

TEST_CASE("gguf: a file with any byte changed is read, or an Error") {
  GgufBytes bytes = small();
  bytes.set("texts", texts({"a", "b"}));
  bytes.set("general.alignment", u32(32));
  const std::string whole = bytes.file();
  const scratch::Folder folder;
  int read = 0, refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int mask : {1, 128, 255}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      scratch::put(folder / "x", changed);
      const std::string message = ::message([&] {
        const auto file = io::Gguf::open(folder / "x");
        for (const auto& entry : file.entries()) file.read<float>(entry);
      });
      ++(message.empty() ? read : refused);
      REQUIRE(message.find('\n') == message.npos);
    }
  CHECK(read > 0);
  CHECK(refused > 0);
}

TEST_CASE("gguf: counts and lengths are compared with the file before memory is allocated") {
  const auto with = [](std::size_t at, std::uint64_t value) {
    return [=] { Written(small().file().replace(at, 8, raw(value))).open()(); };
  };
  for (const std::uint64_t huge : {std::uint64_t{1} << 40, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    CHECK(says(with(8, huge), "header: the tensors must fit"));
    CHECK(says(with(16, huge), "header: the keys must fit"));
    CHECK(says(with(24, huge), "header: a key must have", "are left; the file is truncated or damaged"));
    GgufBytes bytes = small();
    bytes.set("x", raw<std::uint32_t>(8) + raw(huge));
    CHECK(says(opens(bytes), "header: x must have"));
    bytes.set("x", raw<std::uint32_t>(9) + raw<std::uint32_t>(0) + raw(huge));
    CHECK(says(opens(bytes), "header: x must fit"));
    bytes = small();
    bytes.tensor("b").sizes = {huge};
    CHECK_FALSE(::message(opens(bytes)).empty());
    bytes.tensor("b").sizes = {std::uint64_t{1} << 40, std::uint64_t{1} << 40};
    CHECK(says(opens(bytes), "tensor b", "more than a machine can address"));
  }
  GgufBytes many = small();
  many.set("bytes", array_of<std::uint8_t>(0, std::vector<std::uint8_t>(4000001)));
  CHECK(says(opens(many), "header: must hold at most 4000000 items", "bytes"));
  many.set("bytes", text(std::string(64000001, 'x')));
  CHECK(says(opens(many), "header: must have at most 64000000 bytes", "bytes"));
}

TEST_CASE("gguf: invalid keys") {
  const auto key = [](const std::string& name, const std::string& value) {
    GgufBytes bytes = small();
    bytes.keys.push_back({name, value});
    return opens(bytes);
  };
  CHECK(says(key("", u32(1)), "a key must have 1 to 65535 bytes, got 0"));
  CHECK(says(key(std::string(65536, 'k'), u32(1)), "got 65536"));
  CHECK(says(key("general.architecture", text("llama")), "general.architecture must not occur twice"));
  CHECK(says(key("x", raw<std::uint32_t>(13)), "x: the type of a value must be in 0 .. 12, got 13"));
  CHECK(says(key("x", array_of<std::uint32_t>(9, {0, 0, 0})), "array of arrays"));
  CHECK(says(key("x", flag(2)), "x must be 0 or 1 (bool), got 2"));
  CHECK(says(key("general.alignment", u32(24)), "general.alignment must be a power of two, got 24"));
  CHECK(says(key("general.alignment", u32(0)), "general.alignment must be an integer in 1 .. "));
  CHECK(says(key("general.alignment", text("x")), "general.alignment must be"));
  CHECK(says(key("a\nb", flag(3)), "a\\x0ab must be 0 or 1"));
}

TEST_CASE("gguf: invalid tensors") {
  const auto with = [](const auto& change) {
    GgufBytes bytes = small();
    change(bytes.tensor("b"));
    return opens(bytes);
  };
  const auto named = [&](const std::string& name) { return with([&](GgufTensor& t) { t.name = name; }); };
  CHECK(says(named(""), "a name must have 1 to 63 bytes, got 0"));
  CHECK(says(named(std::string(64, 'n')), "got 64"));
  CHECK(says(named("a"), "tensor a: a name must not occur twice"));
  const auto sized = [&](const std::vector<std::uint64_t>& sizes) {
    return with([&](GgufTensor& t) { t.sizes = sizes; });
  };
  CHECK(says(sized({}), "tensor b: must have 1 to 4 axes, got 0"));
  CHECK(says(sized({1, 1, 1, 1, 1}), "got 5"));
  CHECK(says(sized({0}), "sizes must be in 1 .. 2^48, got 0"));
  CHECK(says(sized({1000}), "tensor b: must lie in the file"));
  CHECK(says(sized({20}), "tensor b: must end at byte", "are missing"));
  const auto typed = [&](std::uint32_t type) { return with([&](GgufTensor& t) { t.type = type; }); };
  for (const auto& [type, name] : std::initializer_list<std::pair<std::uint32_t, const char*>>{
           {3, "Q4_1"}, {4, "Q4_2"}, {12, "Q4_K"}, {14, "Q6_K"}, {23, "type 23"}, {0xffffffffu, "type 4294967295"}})
    CHECK(says(typed(type), "model.gguf: tensor b: the type must be one of F32, F16, BF16, Q8_0, Q4_0, got ", name,
               "safetensors folder"));
  CHECK(says(typed(8), "rows of Q8_0 must have a multiple of 32 elements, got 1"));
  const std::string good = small().file(), wrong = raw<std::uint64_t>(64);
  const std::size_t at = good.find(raw<std::uint64_t>(32), good.find(counted("b")) + 9);
  CHECK(says([&] { Written(std::string(good).replace(at, 8, wrong)).open()(); },
             "tensor b: the offset must be 32, where the tensor before it ends, got 64"));
}
