// inspect on what extend left: the matrices before and after training, the page of a text, and what it refuses.
#include "tests/programs/study.hpp"

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

const Study& two_seeds() {
  static const Study made({"--method", "neutral(lr=2e-3)", "--method", "adapter(lr=2e-3)", "--seeds", "2"});
  return made;
}
std::string adapter_between(const std::string& start, const std::string& end) {
  for (const auto& item : std::filesystem::directory_iterator(two_seeds().out() / "runs"))
    if (const auto name = item.path().filename().string(); name.starts_with(start) && name.ends_with(end))
      return (item.path() / "adapter.safetensors").string();
  return {};
}
std::string neutral_of(const std::string& seed = "seed1") { return adapter_between("neutral", seed); }
Words inspect(const Words& more) {
  Words all = {path_of("inspect"), "--model", (two_seeds().out() / "backbone").string()};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
io::Json spectra(const Words& more) {
  Words all = inspect(more);
  all.push_back("--json");
  const auto ended = run(all);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  return io::parse(ended.out, "inspect --json").at("adapters");
}

}  // namespace

TEST_CASE("inspect: the values before training are those of the run's own seed", "[programs]") {
  const io::Json one = spectra({"--adapter", neutral_of("seed1")}), two = spectra({"--adapter", neutral_of("seed2")});
  const auto matrices = [](const io::Json& told) { return told.at(0).at("matrices"); };
  CHECK(one.at(0).at("start") == "the initial values of seed 1, of its run");
  CHECK(two.at(0).at("start") == "the initial values of seed 2, of its run");
  CHECK(matrices(one).at(0).at("before") != matrices(two).at(0).at("before"));
  const io::Json first = matrices(one), again = matrices(spectra({"--adapter", neutral_of("seed2"), "--seed", "1"}));
  std::size_t changed = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const io::Json &own = first.at(i), &other = again.at(i);
    CHECK(own["before"] == other["before"]);  // a function of seed and name
    changed += own["before"] != own["after"];
    if (own["name"] == "down_proj") CHECK(own["before"]["stable_rank"] == 0);
  }
  CHECK(changed == first.size());
}

TEST_CASE("inspect: an adapter away from its run is compared with another draw, and says so", "[programs]") {
  const auto folder = two_seeds().folder / "copied";
  std::filesystem::create_directory(folder);
  for (const char* name : {"adapter.safetensors", "adapter.json"})
    std::filesystem::copy_file(programs::Path(neutral_of()).parent_path() / name, folder / name);
  const io::Json told = spectra({"--adapter", (folder / "adapter.safetensors").string()});
  CHECK(told.at(0).at("start").get<std::string>().find("a draw of the same distribution") != std::string::npos);
}

TEST_CASE("inspect: a table on the terminal and a page with pictures, of several adapters", "[programs]") {
  const auto page = two_seeds().folder / "spectra.html";
  const auto ended = run(inspect(
      {"--adapter", neutral_of(), adapter_between("adapter", "seed1"), "--values", "2", "--html", page.string()}));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  std::istringstream lines(ended.out);
  std::size_t matrices = 0;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 200);
    matrices += line.find(" gate_proj ") != line.npos;
  }
  CHECK(matrices >= 2);
  CHECK(scratch::get(page).find("gate_proj, stable rank") != std::string::npos);
}

TEST_CASE("inspect: a page of text coloured by gates, bounded as asked", "[programs]") {
  const auto page = two_seeds().folder / "gates.html";
  scratch::put(two_seeds().folder / "hostile.txt", "<script>alert('the river')</script>\n" + std::string(5000, 'x'));
  const auto ended = run(inspect(
      {"--adapter", neutral_of(), "--text", two_seeds().text("hostile"), "--html", page.string(), "--tokens", "100"}));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.out == "page: " + page.string() + "\n");
  const std::string html = scratch::get(page);
  CHECK(html.find("the first 100 of 5036") != std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  std::size_t tokens = 0;
  for (auto at = html.find("</i>"); at != html.npos; at = html.find("</i>", at + 1)) ++tokens;
  CHECK(tokens == 100);
}

TEST_CASE("inspect: what it refuses", "[programs]") {
  const std::string text = two_seeds().text("first.valid"), page = (two_seeds().folder / "never.html").string();
  CHECK(refuses(inspect({}), "--adapter"));
  CHECK(refuses(inspect({"--adapter", neutral_of(), "--text", text}), "--text needs --html"));
  CHECK(refuses(inspect({"--adapter", neutral_of(), neutral_of("seed2"), "--text", text, "--html", page}),
                "--text takes one --adapter, got 2"));
  CHECK(refuses(inspect({"--adapter", neutral_of(), "--text", text, "--html", page, "--json"}), "leave one out"));
  CHECK(refuses(inspect({"--adapter", adapter_between("adapter", "seed1"), "--text", text, "--html", page}),
                "must have gates"));
  CHECK(refuses(inspect({"--adapter", neutral_of(), "--tokens", "0"}), "--tokens"));
  CHECK(refuses(inspect({"--adapter", neutral_of(), "--values", "-1"}), "--values"));
  CHECK(refuses(inspect({"--adapter", page}), "never"));
  CHECK_FALSE(std::filesystem::exists(page));
}
