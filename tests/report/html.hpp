// What every page must be: well-formed, self-contained, and without numbers that are none.
#pragma once

#include "tests/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace html {

inline std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

/// The first tag that is not closed in order; "" if all are. Attributes are quoted and contain no < or >.
inline std::string unbalanced(const std::string& html) {
  std::vector<std::string> open;
  for (auto at = html.find('<'); at != html.npos; at = html.find('<', at + 1)) {
    const std::string tag = html.substr(at + 1, html.find('>', at) - at - 1);
    if (tag.find('<') != tag.npos || count(tag, "\"") % 2 != 0 || count(tag, "\"") != 2 * count(tag, "=\""))
      return "a broken tag: " + tag;
    if (tag == "!DOCTYPE html" || tag.starts_with("meta ") || tag.ends_with('/')) continue;
    if (!tag.starts_with('/')) {
      open.push_back(tag.substr(0, tag.find(' ')));
    } else {
      if (open.empty() || open.back() != tag.substr(1))
        return "<" + tag + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

/// Holds for every report.
inline void check_page(const std::string& html) {
  CHECK(html.starts_with("<!DOCTYPE html>"));
  CHECK(unbalanced(html) == "");
  for (const char* outside : {"http:", "https:", "<script", "<link", "@import", "url(", "src="})
    CHECK(html.find(outside) == html.npos);
  for (const char* before : {"\"", ">", ",", "M", "L", "\"-", ">-", ",-", "M-", "L-"})
    for (const char* broken : {"nan", "inf"}) CHECK(html.find(std::string(before) + broken) == html.npos);
}

}  // namespace html
