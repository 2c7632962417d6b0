// Writes GGUF files byte by byte, valid and invalid ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

template <class T> std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
template <class T> std::string raw_all(const std::vector<T>& values) {
  std::string bytes;
  for (const T value : values) bytes += raw(value);
  return bytes;
}
inline std::string counted(std::string_view text) { return raw<std::uint64_t>(text.size()).append(text); }

// The values of keys, with their types in front.
inline std::string u32(std::uint32_t value) { return raw<std::uint32_t>(4) + raw(value); }
inline std::string f32(float value) { return raw<std::uint32_t>(6) + raw(value); }
inline std::string flag(int value) { return raw<std::uint32_t>(7) + static_cast<char>(value); }
inline std::string text(std::string_view value) { return raw<std::uint32_t>(8) + counted(value); }
template <class T> std::string array_of(std::uint32_t type, const std::vector<T>& values) {
  return raw<std::uint32_t>(9) + raw(type) + raw<std::uint64_t>(values.size()) + raw_all(values);
}
inline std::string texts(const std::vector<std::string>& values) {
  std::string bytes = raw<std::uint32_t>(9) + raw<std::uint32_t>(8) + raw<std::uint64_t>(values.size());
  for (const std::string& value : values) bytes += counted(value);
  return bytes;
}

struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> sizes;  // fastest first
  std::uint32_t type;
  std::string data;
};
struct GgufKey {
  std::string name, value;
};

// A whole file. Members that a test changes make it invalid.
struct GgufBytes {
  std::vector<GgufKey> keys;
  std::vector<GgufTensor> tensors;
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  void set(const std::string& name, const std::string& value) {
    for (GgufKey& key : keys)
      if (key.name == name) {
        key.value = value;
        return;
      }
    keys.push_back({name, value});
  }
  void drop(const std::string& name) {
    std::erase_if(keys, [&](const GgufKey& key) { return key.name == name; });
  }
  GgufTensor& tensor(std::string_view name) {
    for (GgufTensor& each : tensors)
      if (each.name == name) return each;
    return tensors.emplace_back(GgufTensor{std::string(name), {}, 0, {}});
  }
  void pad(std::string& bytes) const { bytes.resize((bytes.size() + alignment - 1) / alignment * alignment); }

  std::string file() const {
    std::string bytes = magic + raw(version) + raw<std::uint64_t>(tensors.size()) + raw<std::uint64_t>(keys.size());
    for (const GgufKey& key : keys) bytes += counted(key.name) + key.value;
    std::string data;
    for (const GgufTensor& each : tensors) {
      bytes += counted(each.name) + raw<std::uint32_t>(static_cast<std::uint32_t>(each.sizes.size()));
      bytes += raw_all(each.sizes) + raw(each.type) + raw<std::uint64_t>(data.size());
      data += each.data;
      pad(data);
    }
    pad(bytes);
    return bytes + data;
  }
};

}  // namespace samples
