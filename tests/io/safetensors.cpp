// safetensors files: the reference implementation's smallest files byte for byte, round trips,
// and all kinds of invalid files.
#include "neutra/io/safetensors.hpp"

#include "neutra/core/random.hpp"

#include "tests/catch.hpp"
#include "tests/io/file_size_limit.hpp"
#include "tests/io/scratch.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

using namespace neutra;
using io::Safetensors;
using scratch::put;
using scratch::says;

namespace {

template <class T> std::string raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

// The message when opening a file with this header and that many bytes of data.
std::string refused(std::string_view header, std::size_t data = 0) {
  const scratch::Folder folder;
  put(folder / "m.safetensors", scratch::safetensors(header, std::string(data, '\0')));
  return message([&] { Safetensors::open(folder / "m.safetensors"); });
}

bool opens(std::string_view header, std::size_t data = 0) {
  const std::string text = refused(header, data);
  if (!text.empty()) UNSCOPED_INFO("the message was: " << text);
  return text.empty();
}

// Whether opening fails with a message that contains the file name and all parts.
template <class... Parts> bool refuses(std::string_view header, std::size_t data, const Parts&... parts) {
  return says([&] { throw Error(refused(header, data)); }, "m.safetensors: ", parts...);
}

// The header of one F32 tensor of two elements, with the given members instead.
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return concat(R"({"w":{"dtype":)", dtype, R"(,"shape":)", shape, R"(,"data_offsets":)", offsets, "}}");
}

}  // namespace

TEST_CASE("the two smallest files are written byte for byte as by the reference") {
  const scratch::Folder folder;
  io::write_safetensors<float>(folder / "empty", {});
  CHECK(scratch::get(folder / "empty") == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  CHECK(Safetensors::open(folder / "empty").entries().empty());

  const std::string header = R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}})";
  const std::string padded = std::string("\x40\0\0\0\0\0\0\0", 8) + header + "    " + std::string(16, '\0');
  const Tensor<std::int32_t> zero({2, 2});
  io::write_safetensors<std::int32_t>(folder / "test", {{"test", zero}});
  CHECK(scratch::get(folder / "test") == padded);
  CHECK(padded.size() == 88);

  put(folder / "unpadded", scratch::safetensors(header, std::string(16, '\0')));
  CHECK(std::filesystem::file_size(folder / "unpadded") == 84);
  for (const char* name : {"test", "unpadded"}) {
    const auto file = Safetensors::open(folder / name);
    REQUIRE(file.entries().size() == 1);
    CHECK(file.entry("test").shape == Shape{2, 2});
    CHECK(file.entry("test").dtype == io::dtype_of<std::int32_t>());
    CHECK(says([&] { file.read<float>("test"); }, name, "tensor test", "got I32"));
  }
}

TEST_CASE("each of the four float types is read into both scalars") {
  const scratch::Folder folder;
  const std::string header = R"({"d":{"dtype":"F64","shape":[3],"data_offsets":[0,24]},)"
                             R"("f":{"dtype":"F32","shape":[3],"data_offsets":[24,36]},)"
                             R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[36,42]},)"
                             R"("h":{"dtype":"F16","shape":[3],"data_offsets":[42,48]}})";
  put(folder / "m", scratch::safetensors(header, raw<double>({1.5, -0.1, 1e30}) + raw<float>({1.5f, -0.1f, 1e30f}) +
                                                     raw<std::uint16_t>({0x3fc0, 0xbf80, 0x0001}) +
                                                     raw<std::uint16_t>({0x3e00, 0x0001, 0xfbff})));
  const auto file = Safetensors::open(folder / "m");
  const auto check = [&](std::string_view name, double a, double b, double c) {
    const auto x = file.read<double>(name);
    const auto y = file.read<float>(name);
    const double wanted[] = {a, b, c};
    for (int i = 0; i < 3; ++i) {
      CHECK(x.data()[i] == wanted[i]);
      CHECK(y.data()[i] == static_cast<float>(wanted[i]));
    }
  };
  check("d", 1.5, -0.1, 1e30);
  check("f", 1.5, double(-0.1f), double(1e30f));
  check("b", 1.5, -1, 0x1p-133);     // the smallest subnormal
  check("h", 1.5, 0x1p-24, -65504);  // subnormals are preserved; the largest value
}

TEST_CASE("tensors come back as they were written") {
  const scratch::Folder folder;
  const Philox random(5, "round trip");
  Tensor<float> a({3, 70000}), s(Shape{}), none({0, 4}), cube({2, 3, 4}), four({1, 2, 3, 4});
  for (auto* tensor : {&a, &s, &cube, &four})
    for (Index i = 0; i < tensor->size(); ++i) tensor->data()[i] = static_cast<float>(random.normal(0, i));
  const View<const float> part(a.data() + 7, {3, 100}, 70000);  // columns 7 .. 106
  const io::Metadata metadata{{"format", "pt"}, {"quote \" \\ \n \x01", "\xc3\xa6"}};
  io::write_safetensors<float>(
      folder / "m", {{"z", a}, {"scalar", s}, {"none", none}, {"cube", cube}, {"four", four}, {"a \"part\"\n", part}},
      metadata);

  const auto file = Safetensors::open(folder / "m");
  CHECK(file.metadata() == metadata);
  REQUIRE(file.entries().size() == 6);
  CHECK(
      std::is_sorted(file.entries().begin(), file.entries().end(), [](auto& x, auto& y) { return x.begin < y.begin; }));
  const auto same = [&](std::string_view name, View<const float> wanted) {
    const auto got = file.read<float>(name);
    REQUIRE(got.shape() == wanted.shape);
    bool equal = true;
    for (Index n = 0; n < wanted.rows(); ++n)
      for (Index c = 0; c < wanted.cols(); ++c) equal &= got.view()(n, c) == wanted(n, c);
    return equal;
  };
  CHECK(same("z", a));
  CHECK(same("scalar", s));
  CHECK(same("none", none));
  CHECK(same("cube", cube));
  CHECK(same("four", four));
  CHECK(same("a \"part\"\n", part));

  Tensor<double> wide({3, 70010});  // into rows with a larger stride, without writing between them
  file.read<double>("z", View<double>(wide.data() + 5, {3, 70000}, 70010));
  CHECK(wide.view()(2, 5) == double(a.view()(2, 0)));
  CHECK(wide.view()(2, 70004) == double(a.view()(2, 69999)));
  CHECK(wide.view()(1, 4) == 0);
  CHECK(wide.view()(1, 70005) == 0);
  CHECK((std::filesystem::file_size(folder / "m") - static_cast<std::uint64_t>(file.entries().back().end)) % 8 == 0);
}

TEST_CASE("double and bf16 are written as they are") {
  const scratch::Folder folder;
  Tensor<double> d({2});
  d.data()[0] = 0.1;
  d.data()[1] = 1e300;
  Tensor<bf16> b({2});
  b.data()[0] = bf16(0.1f);
  b.data()[1] = bf16(-3.0f);
  io::write_safetensors<double>(folder / "d", {{"w", d}});
  io::write_safetensors<bf16>(folder / "b", {{"w", b}});
  CHECK(Safetensors::open(folder / "d").read<double>("w").data()[1] == 1e300);
  CHECK(says([&] { Safetensors::open(folder / "d").read<float>("w"); }, "tensor w", "finite as F32", "1e+300",
             "index 1"));
  const auto file = Safetensors::open(folder / "b");
  CHECK(file.entry("w").dtype.name == "BF16");
  CHECK(file.read<float>("w").data()[0] == float(bf16(0.1f)));
}

TEST_CASE("what the format allows is accepted") {
  CHECK(opens("{}"));
  CHECK(opens(" \t\r\n{} \n"));
  CHECK(opens(R"({"__metadata__":{}})"));
  CHECK(opens(one("\"F32\"", "[2]", "[0,8]"), 8));
  CHECK(opens(one("\"F32\"", "[]", "[0,4]"), 4));
  CHECK(opens(one("\"F32\"", "[0,5]", "[0,0]")));
  CHECK(opens(one("\"F4\"", "[4]", "[0,2]"), 2));
  CHECK(opens(one("\"F6_E3M2\"", "[4]", "[0,3]"), 3));
  CHECK(opens(
      R"({"":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"é\n":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
      2));
  CHECK(opens(
      R"({"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
      R"("c":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      4));
}

TEST_CASE("files that are short, long or of another format are refused") {
  const scratch::Folder folder;
  const auto open = [&](std::string_view bytes) {
    put(folder / "m", bytes);
    return [&] { Safetensors::open(folder / "m"); };
  };
  CHECK(says([&] { Safetensors::open(folder / "none"); }, "none", "No such file"));
  CHECK(says([&] { Safetensors::open(folder.path()); }, "directory"));
  CHECK(says(open(""), "m: ", "at least 8 bytes, got 0"));
  CHECK(says(open("1234567"), "m: ", "at least 8 bytes, got 7"));
  CHECK(says(open(std::string(8, '\0')), "must be JSON"));
  CHECK(says(open(std::string(8, '\xff') + "{}"), "at most 100000000 bytes", "18446744073709551615"));
  CHECK(says(open(std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10)), "at most 100000000 bytes", "got 100000001"));
  CHECK(says(open(std::string("\x00\xe1\xf5\x05\0\0\0\0{}", 10)), "100000000 bytes, got 2", "99999998 are missing"));
  CHECK(says(open("PK\x03\x04 and so on, a zip"), "zip"));
  CHECK(says(open(std::string("GGUF\x03\0\0\0", 8) + " and so on, for ever"), "GGUF"));
  CHECK(says(open("\x80\x02}q and so on"), "pickle"));
  CHECK(says(open("\x80\x02}q"), "at least 8 bytes", "pickle"));
  CHECK(says(open(std::string("24ka\x01\0\0\0", 8) + " and so on"), "llama2.c"));
  CHECK(says(open("{\"weight_map\": {}}"), "JSON text"));
  const std::string header = one("\"F32\"", "[2]", "[0,8]");
  CHECK(says(open(scratch::safetensors(header, "1234567")), "1 are missing"));
  CHECK(says(open(scratch::safetensors(header)), "8 are missing"));
  CHECK(says(open(scratch::safetensors(header, "123456789ab")), "3 trailing bytes", "truncate -s"));
  CHECK(says(open(scratch::safetensors("{}", "x")), "1 trailing bytes"));
}

TEST_CASE("headers that are not the right JSON are refused") {
  CHECK(refuses("{\"\xff\":1}", 0, "UTF-8", "0xff"));
  CHECK(refuses("{\"w\":", 0, "must be JSON", "line 1, column"));
  CHECK(refuses("[]", 0, "must be a JSON object, got array"));
  CHECK(refuses("3", 0, "must be a JSON object, got number"));
  CHECK(refuses(std::string(100000, '['), 0, "nested deeper"));
  CHECK(refuses(std::string("{}\0\0", 4), 0, "zero byte"));
  CHECK(refuses(
      R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2,
      "\"w\"", "twice"));
  CHECK(refuses(R"({"__metadata__":{"a":"x","a":"y"}})", 0, "\"a\"", "twice"));
  CHECK(refuses(R"({"__metadata__":{"a":1}})", 0, "__metadata__", "a must be a string, got 1"));
  CHECK(refuses(R"({"__metadata__":{"a":null}})", 0, "__metadata__", "a is missing"));
  CHECK(refuses(R"({"__metadata__":["a"]})", 0, "__metadata__", "object"));
  CHECK(refuses(R"({"w":3})", 0, "tensor w", "must be a JSON object, got 3"));
}

TEST_CASE("entries with missing or wrong members are refused") {
  CHECK(refuses(R"({"w":{"shape":[1],"data_offsets":[0,1]}})", 1, "tensor w", "dtype is missing"));
  CHECK(refuses(R"({"w":{"dtype":"U8","data_offsets":[0,1]}})", 1, "tensor w", "shape is missing"));
  CHECK(refuses(R"({"w":{"dtype":"U8","shape":[1]}})", 1, "tensor w", "data_offsets is missing"));
  CHECK(refuses(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1]}})", 1, "tensor w",
                "strides is not a known key"));
  CHECK(refuses(one("\"F33\"", "[2]", "[0,8]"), 8, "tensor w", "dtype", "\"F33\""));
  CHECK(refuses(one("7", "[2]", "[0,8]"), 8, "tensor w", "dtype must be a string, got 7"));
  for (const char* size : {"-1", "0.5", "2.0", "\"2\"", "null", "[2]", "true", "281474976710656",
                           "18446744073709551615", "18446744073709551616", "1e3"}) {
    CHECK(
        refuses(one("\"F32\"", concat("[", size, "]"), "[0,8]"), 8, "tensor w", "shape must be an array of integers"));
    CHECK(refuses(one("\"F32\"", "[2]", concat("[0,", size, "]")), 8, "tensor w",
                  "data_offsets must be an array of integers"));
  }
  CHECK(refuses(one("\"F32\"", "2", "[0,8]"), 8, "shape must be an array, got 2"));
  CHECK(refuses(one("\"F32\"", "[2]", "[8]"), 8, "data_offsets must be two numbers, got 1"));
  CHECK(refuses(one("\"F32\"", "[2]", "[0,8,8]"), 8, "data_offsets must be two numbers, got 3"));
  CHECK(refuses(one("\"F32\"", "[1,1,1,1,2]", "[0,8]"), 8, "tensor w", "at most 4 axes, got 5"));
}

TEST_CASE("shapes and offsets that do not fit are refused") {
  const auto two = [](std::string_view a, std::string_view b) {
    return concat(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)", a,
                  R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)", b, "}}");
  };
  CHECK(opens(two("[0,4]", "[4,8]"), 8));
  CHECK(refuses(two("[0,4]", "[5,9]"), 9, "tensor b", "begin at 4", "got 5", "gap of 1"));
  CHECK(refuses(two("[0,4]", "[3,7]"), 7, "tensor b", "begin at 4", "got 3", "overlap of 1"));
  CHECK(refuses(two("[0,4]", "[0,4]"), 4, "tensor b", "overlap of 4"));
  CHECK(refuses(two("[1,5]", "[5,9]"), 9, "tensor a", "begin at 0", "gap of 1"));
  CHECK(refuses(one("\"F32\"", "[2]", "[8,0]"), 8, "tensor w", "begin at 0, "));
  CHECK(refuses(
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", 4,
      "tensor b", "end before it begins"));
  CHECK(refuses(one("\"F32\"", "[2]", "[0,7]"), 7, "tensor w", "must have 8 bytes, got data_offsets of 7"));
  CHECK(refuses(one("\"F32\"", "[2]", "[0,9]"), 9, "tensor w", "(2) of F32", "8 bytes"));
  CHECK(refuses(one("\"F32\"", "[]", "[0,0]"), 0, "tensor w", "4 bytes"));
  CHECK(refuses(one("\"F4\"", "[3]", "[0,2]"), 2, "tensor w", "whole bytes, got 12 bits"));
  CHECK(refuses(one("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, "tensor w", "more than a machine can address"));
  // The size overflows only in bits.
  CHECK(refuses(one("\"F32\"", "[2147483648,2147483648]", "[0,0]"), 0, "tensor w", "more than a machine can address"));
  CHECK(refuses(one("\"F32\"", "[281474976710655,281474976710655,0]", "[0,0]"), 0, "tensor w",
                "more than a machine can address"));
  // Checked before allocating.
  CHECK(refuses(one("\"F32\"", "[1000000,1000000]", "[0,4000000000000]"), 8, "3999999999992 are missing"));
}

TEST_CASE("reading names the tensor and what is wrong with it") {
  const scratch::Folder folder;
  Tensor<float> w({2, 3});
  io::write_safetensors<float>(folder / "m", {{"w", w}});
  const auto file = Safetensors::open(folder / "m");
  CHECK(file.contains("w"));
  CHECK_FALSE(file.contains("v"));
  CHECK(says([&] { file.read<float>("v\n"); }, "m: tensor v\\x0a is missing", "such as w"));
  Tensor<float> other({3, 2}), longer({7});
  CHECK(says([&] { file.read<float>("w", other); }, "tensor w", "must be (3,2), got (2,3)", "transposed"));
  CHECK(says([&] { file.read<float>("w", longer); }, "tensor w", "must be (7), got (2,3)"));
}

TEST_CASE("NaN and infinity are found at their first index in every type") {
  const scratch::Folder folder;
  const auto found = [&](const char* dtype, std::string data, const char* value) {
    const std::string header =
        concat(R"({"w":{"dtype":")", dtype, R"(","shape":[2,2],"data_offsets":[0,)", data.size(), "]}}");
    put(folder / "m", scratch::safetensors(header, data));
    const auto file = Safetensors::open(folder / "m");
    return says([&] { file.read<float>("w"); }, "tensor w", "finite", value, "index 2 of (2,2)") &&
           says([&] { file.read<double>("w"); }, "tensor w", "finite", value, "index 2 of (2,2)");
  };
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(found("F32", raw<float>({0, 1, inf, nan}), "inf"));
  CHECK(found("F32", raw<float>({0, 1, -nan, inf}), "nan"));
  CHECK(found("F64", raw<double>({0, 1, -double(inf), 0}), "-inf"));
  CHECK(found("BF16", raw<std::uint16_t>({0, 1, 0x7f81, 0}), "nan"));
  CHECK(found("F16", raw<std::uint16_t>({0, 0x7bff, 0xfc00, 0x7e00}), "-inf"));

  Tensor<float> wide({3, 50000});  // beyond the first block that is read, and into strided rows
  wide.view()(2, 40001) = 1;
  io::write_safetensors<float>(folder / "m", {{"w", wide}});
  std::string bytes = scratch::get(folder / "m");
  std::memcpy(&bytes[bytes.size() - 4 * (3 * 50000 - 140001)], &nan, 4);
  put(folder / "m", bytes);
  Tensor<double> target({3, 50001});
  const auto file = Safetensors::open(folder / "m");
  CHECK(says([&] { file.read<float>("w"); }, "index 140001 of (3,50000)"));
  CHECK(says(
      [&] {
        file.read<double>("w", View<double>(target.data(), {3, 50000}, 50001));
      },
      "index 140001 of (3,50000)"));
}

TEST_CASE("values are lent in place, checked, and refused once the file is cut") {
  const scratch::Folder folder;
  const std::vector<bf16> numbers = {bf16(1.5f), bf16(-2.0f), bf16(0.25f), bf16(3.0f)};
  std::string header = R"({"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}})";
  header.append(8 - header.size() % 8, ' ');
  const std::string data(reinterpret_cast<const char*>(numbers.data()), 8);
  put(folder / "m.safetensors", scratch::safetensors(header, data));
  const auto file = Safetensors::open(folder / "m.safetensors");
  {
    const auto lent = file.lend<bf16>("w");
    REQUIRE(lent.has_value());
    CHECK(lent->values.shape == Shape{2, 2});
    CHECK(std::equal(numbers.begin(), numbers.end(), lent->values.data));
  }
  CHECK(std::equal(numbers.begin(), numbers.end(), file.lend<bf16>("w")->values.data));  // dropped, and read again
  CHECK(says([&] { file.lend<float>("w"); }, "tensor w", "must be F32, got BF16"));
  CHECK(says([&] { file.lend<bf16>("v"); }, "tensor v is missing"));
  std::filesystem::resize_file(folder / "m.safetensors", std::filesystem::file_size(folder / "m.safetensors") - 1);
  CHECK(says([&] { file.lend<bf16>("w"); }, "m.safetensors", "truncated while it was being read"));
}

TEST_CASE("a tensor that is not aligned in the file is not lent, and NaN is found in one that is") {
  const scratch::Folder folder;
  const std::string nan = raw<std::uint16_t>({0x3f80, 0x7fc0});
  for (const bool aligned : {true, false}) {
    std::string header = R"({"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})";
    header.append((8 - header.size() % 8) % 8 + (aligned ? 0 : 1), ' ');
    put(folder / "m.safetensors", scratch::safetensors(header, nan));
    const auto file = Safetensors::open(folder / "m.safetensors");
    if (aligned)
      CHECK(says([&] { file.lend<bf16>("w"); }, "tensor w", "finite as BF16", "nan", "at index 1 of (2)"));
    else
      CHECK(!file.lend<bf16>("w"));
  }
}

TEST_CASE("tensors that cannot be written leave the old file unchanged") {
  const scratch::Folder folder;
  put(folder / "m", "old");
  Tensor<float> w({2000});
  const auto write = [&](std::vector<io::NamedView<float>> tensors, io::Metadata metadata = {}) {
    return [=, &folder] { io::write_safetensors<float>(folder / "m", tensors, metadata); };
  };
  CHECK(says(write({{"w", w}, {"v", w}, {"w", w}}), "m: tensor w must not be given twice"));
  CHECK(says(write({{"__metadata__", w}}), "__metadata__"));
  CHECK(says(write({{"\xff", w}}), "UTF-8", "\\xff"));
  CHECK(says(write({{"w", w}}, {{"a", "\xff"}}), "UTF-8"));
  CHECK(says(write({}, {{"a", std::string(100'000'000, 'x')}}), "at most 100000000 bytes"));
  const std::string text = scratch::message_at_limit(4096, write({{"w", w}}));
  CHECK(text.find("File too large") != text.npos);
  w.data()[1999] = std::numeric_limits<float>::quiet_NaN();
  CHECK(says(write({{"w", w}}), "tensor w", "finite", "index 1999"));
  CHECK(scratch::get(folder / "m") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a mutated file is read or refused with an Error") {
  const scratch::Folder folder;
  Tensor<float> a({2, 3}), b({5});
  for (Index i = 0; i < 6; ++i) a.data()[i] = static_cast<float>(i) / 8;
  io::write_safetensors<float>(folder / "good", {{"layer.a", a}, {"layer.b", b}}, {{"format", "pt"}});
  const std::string good = scratch::get(folder / "good");
  const std::size_t header = static_cast<unsigned char>(good[0]) + 8u;
  const Philox random(11, "mutation");
  const std::string_view likely = "0123456789-.eE{}[]\":,\\ utnaf\xff";
  int read = 0, refusals = 0;
  for (std::uint64_t round = 0; round < 6000; ++round) {
    const auto w = random.words(round, 0);
    std::string bytes = good;
    for (std::uint32_t change = 0; change <= w[0] % 3; ++change) {
      const auto v = random.words(round, 1 + change);
      // Mostly in the header, which is the risky part.
      const std::size_t at = v[0] % (v[3] % 8 == 0 ? bytes.size() : std::min(header, bytes.size()));
      switch (v[1] % 5) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << v[2] % 8);
          break;
        case 1:
          bytes[at] = likely[v[2] % likely.size()];
          break;
        case 2:
          bytes[at] = static_cast<char>(v[2]);
          break;
        case 3:
          bytes.insert(at, 1, likely[v[2] % likely.size()]);
          bytes[0] = static_cast<char>(bytes[0] + 1);
          break;
        default:
          bytes.resize(std::max<std::size_t>(v[2] % 4 ? bytes.size() - 1 : at, 1));
      }
    }
    put(folder / "bad", bytes);
    try {
      const auto file = Safetensors::open(folder / "bad");
      for (const io::Entry& entry : file.entries()) file.read<double>(entry.name);
      ++read;
    } catch (const Error&) {
      ++refusals;
      // Any other exception fails the test.
    }
  }
  CHECK(read > 100);
  CHECK(refusals > 1000);
}

TEST_CASE("a header of many tensors takes time in proportion to their number") {
  const scratch::Folder folder;
  std::string header = "{";
  constexpr int count = 200000;  // visiting all siblings of each would take minutes
  for (int i = 0; i < count; ++i)
    header += concat(i == 0 ? "" : ",", "\"layer", i, R"(":{"dtype":"F32","shape":[1],"data_offsets":[)", 4 * i, ",",
                     4 * (i + 1), "]}");
  scratch::put(folder / "many.safetensors",
               scratch::safetensors(header + "}", std::string(std::size_t{4} * count, '\0')));
  const auto file = io::Safetensors::open(folder / "many.safetensors");
  CHECK(file.entries().size() == count);
  CHECK(file.entry("layer199999").begin == 4 * (count - 1));
}
