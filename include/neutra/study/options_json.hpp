/// Options as the JSON that is recorded of a run.
#pragma once

#include "neutra/io/json.hpp"
#include "neutra/io/settings.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/study/options.hpp"

#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The kind and settings of each method, by label.
inline io::Json settings_json(const std::vector<Method>& methods) {
  io::Json all = io::Json::object();
  for (const Method& method : methods) {
    all[method.label] = io::to_json(method.all_settings(), method.label);
    all[method.label]["kind"] = method.adapter.kind();
  }
  return all;
}

/// Everything that the numbers of a run depend on.
inline io::Json to_json(const Options& o) {
  const auto names = [](const std::vector<io::Path>& paths) {
    io::Json list = io::Json::array();
    for (const io::Path& path : paths) list.push_back(io::utf8_text(path.native()));
    return list;
  };
  io::Json methods = io::Json::array();
  for (const Method& method : o.methods)
    methods.push_back({{"label", method.label}, {"lr", o.rates_of(method)}, {"alpha", o.alphas_of(method)}});
  io::Json json = {{"original", names(o.original)},
                   {"target", names(o.target)},
                   {"eval_original", names(o.eval_original)},
                   {"eval_target", names(o.eval_target)},
                   {"methods", methods},
                   {"baseline", o.baseline_label()},
                   {"steps", o.steps},
                   {"seeds", o.seeds},
                   {"share", o.share},
                   {"settings", settings_json(o.methods)},
                   {"whole_curve", o.whole_curve},
                   {"batch", o.batch},
                   {"sequence", o.sequence},
                   {"accumulate", o.accumulate},
                   {"warmup", o.warmup_of(o.steps)},
                   {"weight_decay", o.weight_decay},
                   {"clip", o.clip},
                   {"scales", o.scales},
                   {"thresholds", o.thresholds},
                   {"precision", to_string(o.precision)}};
  if (o.base_precision) json["base_precision"] = to_string(o.base_precision);
  for (const auto& [name, paths] : o.further) json["further"][name] = names(paths);
  if (o.adapter) json["adapter"] = io::utf8_text(o.adapter->path.native());
  if (o.text_format.field) json["field"] = io::utf8_text(*o.text_format.field);
  if (o.text_format.documents != data::Documents::joined)
    json["documents"] = o.text_format.documents == data::Documents::by_line ? "by line" : "by empty line";
  if (o.text_format.templates.whole) json["template"] = io::utf8_text(o.text_format.templates.whole->text());
  for (const auto& [role, own] : o.text_format.templates.roles)
    json["role_templates"][io::utf8_text(role)] = io::utf8_text(own.text());
  if (o.target_bytes > 0) json["target_bytes"] = o.target_bytes;
  if (o.quick) json["quick"] = true;
  if (!o.lengths.empty()) json["lengths"] = o.lengths;
  if (!o.shares.empty()) json["shares"] = o.shares;
  if (!o.model.empty())
    json["model"] = io::utf8_text(o.model.native());
  else
    json.update({{"pretrain_steps", o.pretrain_steps},
                 {"dim", o.dim},
                 {"layers", o.layers},
                 {"heads", o.heads},
                 {"kv_heads", o.kv_heads},
                 {"ffn", o.ffn_width()},
                 {"vocab", o.vocabulary},
                 {"pretrain_lr", o.pretrain_lr},
                 {"tokenizer", io::utf8_text(o.tokenizer)},
                 {"tied", o.tied}});
  return json;
}

}}}  // namespace neutra::NEUTRA_ABI::study
