#include "neutra/data/unigram_model.hpp"

#include "tests/catch.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace neutra;

namespace {

data::UnigramModel model_of(const std::vector<std::pair<std::string, double>>& pieces) {
  data::UnigramModel model;
  model.unknown = 0;
  model.unknown_score = -20;
  for (std::size_t k = 0; k < pieces.size(); ++k)
    model.index.add(pieces[k].first, static_cast<std::int32_t>(k + 1), pieces[k].second);
  model.index.sort();
  return model;
}

std::vector<std::int32_t> cut(const data::UnigramModel& model, std::string_view text) {
  std::vector<std::int32_t> ids;
  std::string joined;
  data::cut(model, text, [&](std::string_view part, std::int32_t id) {
    ids.push_back(id);
    joined += part;
  });
  CHECK(joined == text);
  return ids;
}

/// The search over the whole text at once, for single-byte characters that all have pieces.
std::vector<std::int32_t> cut_at_once(const std::vector<std::pair<std::string, double>>& pieces,
                                      std::string_view text) {
  std::vector<double> score(text.size() + 1);
  std::vector<int> last(text.size() + 1, -1);
  for (std::size_t at = 0; at < text.size(); ++at)
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      if (!text.substr(at).starts_with(pieces[k].first)) continue;
      const std::size_t end = at + pieces[k].first.size();
      if (last[end] >= 0 && pieces[k].second + score[at] <= score[end]) continue;
      score[end] = pieces[k].second + score[at];
      last[end] = static_cast<int>(k);
    }
  std::vector<std::int32_t> ids;
  for (std::size_t end = text.size(); end > 0; end -= pieces[static_cast<std::size_t>(last[end])].first.size())
    ids.insert(ids.begin(), last[end] + 1);
  return ids;
}

}  // namespace

TEST_CASE("a unigram model takes the pieces with the largest sum of scores", "[data]") {
  const auto model = model_of({{"a", -1}, {"b", -1}, {"ab", -1.5}, {"abc", -9}, {"c", -1}});
  CHECK(cut(model, "abc") == std::vector<std::int32_t>{3, 5});
  CHECK(cut(model, "ba") == std::vector<std::int32_t>{2, 1});
  CHECK(cut(model, "").empty());
  // Unknown characters, and bytes that are not UTF-8, are one part.
  CHECK(cut(model,
            "xx\xffy\xc3\xa9"
            "a\xe4") == std::vector<std::int32_t>{0, 1, 0});
}

TEST_CASE("a unigram model cuts a long text as if at once, to the rounding of equal sums", "[data]") {
  // All cuts of a run of a have one sum but for rounding.
  const std::vector<std::pair<std::string, double>> pieces = {
      {"a", -1.1}, {"aa", -2.2}, {"aaa", -3.3000000000000003}, {"b", -0.7}};
  std::string text;
  while (text.size() < 12000) text += "aaaaaaaaaaab";
  CHECK(cut(model_of(pieces), text) == cut_at_once(pieces, text));
}
