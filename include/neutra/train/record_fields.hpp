/// The fields of a JSON record, by name.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/io/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace detail {

/// A field of an object. `where` opens messages, `option` is the one that named the field.      Error: there is none.
inline const io::Json* find_field(const io::Json& record, const std::string& field, const std::string& where,
                                  std::string_view option) {
  if (const auto found = record.find(field); found != record.end()) return &*found;
  std::vector<std::string> fields;
  for (const auto& item : record.items()) fields.push_back(item.key());
  fail(where, ": must have the field \"", io::printable(field), "\", got ",
       fields.empty() ? "none" : io::printable(listed(fields)), suggestion(field, fields), "; ", option,
       " names the field of the text");
}

/// The text of a field.      Error: as find_field; no string.
inline const std::string& text_of_field(const io::Json& record, const std::string& field, const std::string& where,
                                        std::string_view option) {
  const io::Json* const found = find_field(record, field, where, option);
  require(found->is_string(), where, ": the field \"", io::printable(field), "\" must be a string, got ",
          io::printable(found->dump(-1, ' ', false, io::Json::error_handler_t::replace)), "; ", option,
          " names another field");
  return found->get_ref<const std::string&>();
}

}}}}  // namespace neutra::NEUTRA_ABI::train::detail
