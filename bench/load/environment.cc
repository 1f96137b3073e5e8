#include "bench/load/environment.h"

#include <malloc.h>

#include <algorithm>

namespace guidon::bench {
namespace {

constexpr std::size_t kSegments = 20;

std::string KeyOf(std::size_t flag) {
  return "shop.area-" + std::to_string(flag % 50) + ".flag-" + std::to_string(flag);
}

EncodedEntity SegmentOf(std::size_t i) {
  std::string include;
  for (std::size_t k = 0; k < 200; ++k)
    include += (k == 0 ? "\"user-" : ",\"user-") + std::to_string(i * 1'000 + k) + '"';
  const std::string key = "segment-" + std::to_string(i);
  return {"segment", key,
          R"({"definition":{"segment":")" + key + R"(","include":[)" + include +
              R"(],"when":{"country":["DE","FR","NO"],"platform":"web"}}})"};
}

std::string RulesOf(std::size_t flag, const std::string& first, const std::string& second) {
  return R"("rules":[{"id":"staff","when":{"email":{"ends_with":"@shop.example"}},"serve":")" + first +
         R"("},{"id":"region","when":{"segment":"segment-)" + std::to_string(flag % kSegments) +
         R"(","appVersion":{"semver_gte":"4.)" + std::to_string(flag % 10) +
         R"(.0"},"not":{"plan":"trial"}},"serve":")" + second +
         R"("},{"id":"countries","when":{"country":["AR","AU","BR","CA","CL","IN","JP","MX","NZ","US"],)" +
         R"("age":{"gte":18}},"serve":")" + first + R"("}])";
}

std::string RecordOf(std::size_t flag, std::size_t number) {
  const std::string key = KeyOf(flag);
  const bool is_text = flag % 4 == 0, splits = flag % 5 == 0;
  const std::string first = is_text ? "compact" : "on", second = is_text ? "wide" : "off";
  std::string record =
      R"({"definition":{"flag":")" + key + R"(","type":")" + (is_text ? "string" : "boolean") +
      R"(","description":"Rolls out number )" + std::to_string(number) +
      R"( of the new way to show what is in the basket, on every page that has one, to those who have )"
      R"(seen the old one before; off when orders fall, and gone when everybody has had it for a )"
      R"(month, which is when the old pages are taken away, too","owner":"payments","tags":["checkout","web","q2"],"expires":)"
      R"("2027-03-31",)";
  if (is_text) {
    record += R"("variations":{"compact":"compact","wide":"wide","list":"list","none":"none"},)";
  }
  record += R"("environments":{"production":{"enabled":true,)";
  if (is_text) record += R"("off":"none",)";
  if (flag % 10 == 3) record += R"("requires":[{"flag":")" + KeyOf(flag - 2) + R"(","is":"on"}],)";
  record += R"("targets":{")" + first + R"(":["user-)" + std::to_string(flag) + R"(","user-)" +
            std::to_string(flag + 1) + R"("]},)" + RulesOf(flag, first, second);
  if (splits) {
    record += R"(,"default":{"serve":{")" + first + R"(":"20%",")" + second +
              R"(":"80%"}}}}},"state":{"environments":)" + R"({"production":{"default":{"salt":")" + key +
              R"(","arms":{")" + first + R"(":[[0,20000]],")" + second + R"(":[[20000,100000]]}}}}}})";
  } else {
    record += R"(,"default":")" + second + R"("}}},"state":{}})";
  }
  return record;
}

}  // namespace

EncodedEntity ChangedFlag(std::size_t flag, std::size_t number) {
  return {"flag", KeyOf(flag), RecordOf(flag, number)};
}

std::vector<EncodedEntity> MakeEnvironment() {
  std::vector<EncodedEntity> entities;
  for (std::size_t i = 0; i < kLoadedFlags; ++i) entities.push_back(ChangedFlag(i, 0));
  for (std::size_t i = 0; i < kSegments; ++i) entities.push_back(SegmentOf(i));
  return entities;
}

std::string ToDocument(const std::vector<EncodedEntity>& entities) {
  return EncodeSnapshot(SnapshotHeader{"bench", "production", "e1", 1}, entities);
}

std::string ToChange(std::vector<EncodedEntity>& entities, std::size_t flag, Revision from) {
  entities[flag] = ChangedFlag(flag, from);
  const std::vector<EncodedEntity> upserts = {entities[flag]};
  return EncodeChange(from, from + 1, DigestOf(entities), upserts, {});
}

std::size_t BytesInUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace guidon::bench
