#include "server/http/router.h"

#include <gtest/gtest.h>

namespace guidon::http {
namespace {

Request RequestOf(std::string method, std::string target) {
  Request request;
  request.method = std::move(method);
  request.path = target.substr(0, target.find('?'));
  request.target = std::move(target);
  return request;
}

// "flag project=shop key=checkout ?dry=1", or what went wrong.
std::string Found(std::string method, std::string target) {
  static constexpr std::string_view kNames[] = {"home", "flags", "flag", "putFlag", "deleteFlag", "changes", "rest"};
  static const Router kRouter({{"GET", "/"},
                               {"GET", "/projects/{project}/flags"},
                               {"GET", "/projects/{project}/flags/{key}"},
                               {"PUT", "/projects/{project}/flags/{key}"},
                               {"DELETE", "/projects/{project}/flags/{key}"},
                               {"POST", "/projects/{project}/changes"},
                               {"POST", "/rest/{name}/{rest}", true}});
  Request request = RequestOf(std::move(method), std::move(target));
  const Match match = kRouter.Find(request);
  if (match.malformed) return "malformed";
  if (!match.route) return match.allow.empty() ? "nothing" : "allow " + match.allow;
  std::string text(kNames[*match.route]);
  for (const auto& [name, value] : request.params) text += " " + name + "=" + value;
  for (const auto& [name, value] : request.query) text += " ?" + name + "=" + value;
  return text;
}

TEST(RouterTest, LiteralAndNamedSegments) {
  EXPECT_EQ(Found("GET", "/"), "home");
  EXPECT_EQ(Found("GET", "/projects/shop/flags"), "flags project=shop");
  EXPECT_EQ(Found("GET", "/projects/shop/flags/checkout"), "flag project=shop key=checkout");
  EXPECT_EQ(Found("PUT", "/projects/shop/flags/checkout"), "putFlag project=shop key=checkout");
}

TEST(RouterTest, HeadFindsTheRouteOfGet) {
  EXPECT_EQ(Found("HEAD", "/projects/shop/flags"), "flags project=shop");
}

TEST(RouterTest, PartsAreDecodedAfterTheyAreTakenApart) {
  EXPECT_EQ(Found("GET", "/projects/a%2Fflags%2Fb/flags"), "flags project=a/flags/b");
  EXPECT_EQ(Found("GET", "/%70rojects/shop/flags"), "flags project=shop");
  EXPECT_EQ(Found("GET", "/projects/a+b/flags"), "flags project=a+b");
  EXPECT_EQ(Found("GET", "/projects/shop/flags?q=a%26b%3Dc&x=1+2"), "flags project=shop ?q=a&b=c ?x=1 2");
}

TEST(RouterTest, QueriesMayBeEmptyOrWithoutValues) {
  EXPECT_EQ(Found("GET", "/?"), "home");
  EXPECT_EQ(Found("GET", "/?&&a&b=&=c&"), "home ?a= ?b= ?=c");
  EXPECT_EQ(Found("GET", "/?a=1=2&a=?"), "home ?a=1=2 ?a=?");
}

TEST(RouterTest, WhatCannotBeDecodedIsMalformed) {
  EXPECT_EQ(Found("GET", "/projects/%zz/flags"), "malformed");
  EXPECT_EQ(Found("GET", "/projects/%ff/flags"), "malformed");
  EXPECT_EQ(Found("GET", "/projects/shop/flags?q=%"), "malformed");
  EXPECT_EQ(Found("GET", "/projects/shop/flags?%00"), "malformed");
  EXPECT_EQ(Found("GET", "/nowhere/%zz"), "malformed");
}

TEST(RouterTest, ANamedSegmentIsNeverEmptyAndSlashesCount) {
  for (const char* target : {"/projects//flags", "/projects/shop/flags/", "/projects/shop", "//",
                             "/projects/shop//flags", "/Projects/shop/flags", "/projects/shop/flags/a/b"}) {
    EXPECT_EQ(Found("GET", target), "nothing") << target;
  }
}

TEST(RouterTest, TheLastParameterMayTakeTheRestOfThePath) {
  EXPECT_EQ(Found("POST", "/rest/shop/a"), "rest name=shop rest=a");
  EXPECT_EQ(Found("POST", "/rest/shop/a/b%20c/"), "rest name=shop rest=a/b c/");
  EXPECT_EQ(Found("POST", "/rest/shop/"), "nothing");
  EXPECT_EQ(Found("POST", "/rest//a"), "nothing");
  EXPECT_EQ(Found("POST", "/rest/shop"), "nothing");
}

TEST(RouterTest, AnotherMethodHearsWhichThereAre) {
  EXPECT_EQ(Found("POST", "/projects/shop/flags/checkout"), "allow GET, HEAD, PUT, DELETE");
  EXPECT_EQ(Found("GET", "/projects/shop/changes"), "allow POST");
  EXPECT_EQ(Found("HEAD", "/projects/shop/changes"), "allow POST");
  EXPECT_EQ(Found("get", "/"), "allow GET, HEAD");  // methods have a case
}

}  // namespace
}  // namespace guidon::http
