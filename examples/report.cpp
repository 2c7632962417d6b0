// Redraws the table, report.html and learning.svg from one results.json, or from several joined, without running
// anything.
//   report docs/results/da/results.json --out .
#include "neutra/program/program.hpp"
#include "neutra/report/markdown.hpp"
#include "neutra/report/page.hpp"
#include "neutra/study/join.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::run_program("report", [&] {
    CLI::App app("The table, report.html and learning.svg of a results.json, or of several of one backbone as one.",
                 "report");
    std::vector<std::string> files;
    io::Path out;
    bool as_markdown = false;
    app.add_option("results", files, "a results.json; several are joined")->required();
    app.add_option("--out", out, "folder for report.html and learning.svg; else that of the results");
    app.add_flag("--markdown", as_markdown, "print the tables as Markdown, with every rate");
    program::parse_command_line(app, argc, argv);
    require(files.size() == 1 || !out.empty(), "--out is missing: name the folder for the report of ", files.size(),
            " results");
    std::vector<study::Results> studies;
    for (const io::Path file : files) studies.push_back(study::read_results(file));
    const study::Results results = study::join(studies, files);
    if (!out.empty()) io::make_folder(out, "--out " + out.string());
    report::write_report(out.empty() ? io::Path(files.front()).parent_path() : out, results);
    std::printf("%s", (as_markdown ? report::markdown(results) : report::table(results)).c_str());
  });
}
