// The sites at which an adapter says it acts, and how a model uses this.
#include "tests/adapter/model.hpp"
#include "tests/catch.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/testing/tiny_model.hpp"

#include <cmath>

using namespace neutra;
using adapter::Site;

namespace {

const adapter::Sizes described_sizes =
    nn::Config{.vocabulary = 9, .dim = 16, .ffn = 24, .layers = 2, .heads = 2, .kv_heads = 1, .context = 4}.sizes();

template <class A> std::vector<Site> sites_of(const A& adapter) {
  const adapter::AttachedInstance<A, float, Cpu> attached(adapter, described_sizes, 1, nullptr);
  std::vector<Site> sites;
  for (std::size_t site = 0; site < adapter::site_names.size(); ++site)
    if (adapter::acts_at(attached.instance, static_cast<Site>(site))) sites.push_back(static_cast<Site>(site));
  return sites;
}

/// Reads its input as float and adds it to the output at one site; has no acts_at.
struct Silent {
  Site at = Site::gate;
  static inline int seen = 0;

  static constexpr std::string_view name = "silent";
  adapter::Description describe(const adapter::Sizes&) const { return {.kind = std::string(name)}; }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Silent& silent, const adapter::Sizes&, std::uint64_t) : at_(silent.at) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> apply(Site site, Index, Var<S, D> x, Var<S, D> y, Pass<S, D>&) {
      if (site != at_) return y;
      seen += x.value().rows() > 0;
      return neutra::add(y, y);
    }

   private:
    Site at_;
  };
};

/// The same with acts_at; relies on not being called at other sites.
struct Outspoken : Silent {
  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Outspoken& outspoken, const adapter::Sizes&, std::uint64_t) : at_(outspoken.at) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(Site site) const { return site == at_; }
    Var<S, D> apply(Site site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) {
      require(site == at_, "called at another site");
      return neutra::add(y, y);
    }

   private:
    Site at_;
  };
};

/// The loss and, with all weights training, their gradients.
template <class A> std::vector<float> outcome_of(const A& adapter, bool bf16) {
  nn::Transformer<A, float, Cpu> model(
      tiny_backbone<float, Cpu>(testing::tiny_config(), {.precision = bf16 ? DType::bf16 : DType::f32}), adapter, 1);
  model.thaw();
  Tape<float, Cpu> tape;
  tape.start();
  const TinyBatch batch;
  const auto loss = model.loss(tape, batch.tokens(), batch.counts()).lm;
  if (loss.needs_gradient()) tape.backward(loss);
  std::vector<float> numbers{loss.item()};
  for (const auto* p : model.parameters())
    numbers.insert(numbers.end(), p->gradient.data(), p->gradient.data() + p->gradient.size());
  return numbers;
}

}  // namespace

TEST_CASE("sites: each adapter says where it acts") {
  using Sites = std::vector<Site>;
  const adapter::Lora lora{.sites = {Site::q, Site::down}, .rank = 2};
  const adapter::Residue<> parallel{.width = 3}, attention{.placement = Placement::attention, .width = 3};
  CHECK(sites_of(adapter::None{}) == Sites{});
  CHECK(sites_of(lora) == Sites{Site::q, Site::down});
  CHECK(sites_of(parallel) == Sites{Site::ffn});
  CHECK(sites_of(attention) == Sites{Site::attention});
  CHECK(sites_of(adapter::List(lora, parallel)) == Sites{Site::q, Site::down, Site::ffn});
  CHECK(sites_of(adapter::Any<float, Cpu>(lora)) == Sites{Site::q, Site::down});
  CHECK(sites_of(Silent{}).size() == adapter::site_names.size());
}

TEST_CASE("sites: an adapter without acts_at sees every value in float, also if matmul inputs are bf16") {
  for (const Site site :
       {Site::q, Site::k, Site::v, Site::o, Site::gate, Site::up, Site::down, Site::attention, Site::ffn, Site::layer})
    for (const bool bf16 : {false, true}) {
      CAPTURE(adapter::to_string(site), bf16);
      Silent::seen = 0;
      const auto silent = outcome_of(Silent{.at = site}, bf16), outspoken = outcome_of(Outspoken{{site}}, bf16);
      CHECK(Silent::seen > 0);
      CHECK((silent != outcome_of(adapter::None{}, bf16)));
      if (!bf16)
        CHECK((silent == outspoken));  // the sum with the stream is the same, whoever makes it
      else
        CHECK(std::abs(silent[0] - outspoken[0]) < 1e-2f * silent[0]);
    }
}

TEST_CASE("sites: members of a list are called where they act") {
  const auto both = outcome_of(adapter::List(Outspoken{{Site::q}}, Outspoken{{Site::ffn}}), false);
  CHECK((both == outcome_of(adapter::List(Silent{Site::q}, Silent{Site::ffn}), false)));
  CHECK((both != outcome_of(Outspoken{{Site::ffn}}, false)));
}
