#include "server/catalog/comments.h"

#include <algorithm>
#include <charconv>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "server/catalog/records.h"

namespace guidon {
namespace {

constexpr std::string_view kLast = "last";  // in place of a number: the highest that was taken back

Result<Comment> DecodeComment(const Item& item) {
  Comment comment;
  const std::size_t at = item.id.rfind('/') + 1;
  const Result<Value> record = ParseJson(item.value);
  const Value* person = record ? record->Find("person") : nullptr;
  const Value* at_ms = record ? record->Find("at_ms") : nullptr;
  const Value* text = record ? record->Find("text") : nullptr;
  const char* const end = item.id.data() + item.id.size();
  const auto number = std::from_chars(item.id.data() + at, end, comment.number);
  if (number.ec != std::errc() || number.ptr != end || person == nullptr || at_ms == nullptr || text == nullptr) {
    return Fail(ErrorCode::kCorrupt, "the record of comment '" + item.id + "' cannot be read");
  }
  comment.person = person->AsString();
  comment.at_ms = at_ms->AsInt();
  comment.text = text->AsString();
  return comment;
}

Item ItemOf(const CommentSubject& subject, std::string_view name) {
  Item item;
  item.space = kCommentSpace;
  item.id = PrefixOf(subject).append(name);
  item.project = subject.project;
  return item;
}

Item ItemOf(const CommentSubject& subject, std::uint64_t number) {
  return ItemOf(subject, std::to_string(number));
}

bool IsPlainText(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
  });
}

}  // namespace

std::string PrefixOf(const CommentSubject& subject) {
  return subject.project + "/" + subject.kind + "/" + subject.key + "/";
}

std::string Comments::PersonOf(std::string_view principal) const {
  return options_.person_of ? options_.person_of(principal) : std::string(principal);
}

Result<std::vector<Comment>> Comments::List(const CommentSubject& subject) const {
  Result<Thread> thread = Read(subject);
  if (!thread) return Fail(thread.error());
  return std::move(thread->comments);
}

Result<Comments::Thread> Comments::Read(const CommentSubject& subject) const {
  const Result<std::vector<Item>> items = catalog_.Items(kCommentSpace, PrefixOf(subject));
  if (!items) return Fail(items.error());
  const std::string last = ItemOf(subject, kLast).id;
  Thread thread;
  for (const Item& item : *items) {
    if (item.id == last) {
      const Result<Value> record = ParseJson(item.value);
      if (!record) return Fail(ErrorCode::kCorrupt, "the record of comments '" + item.id + "' cannot be read");
      thread.last = std::max(thread.last, CountOf(*record, "last"));
      continue;
    }
    Result<Comment> comment = DecodeComment(item);
    if (!comment) return Fail(comment.error());
    thread.last = std::max(thread.last, comment->number);
    thread.comments.push_back(*std::move(comment));
  }
  std::sort(thread.comments.begin(), thread.comments.end(),
            [](const Comment& a, const Comment& b) { return a.number < b.number; });
  return thread;
}

Result<Comment> Comments::Add(const CommentSubject& subject, const std::string& text, const Author& author) {
  if (text.empty() || text.size() > kMaxCommentTextBytes || !IsPlainText(text)) {
    return Fail(
        InvalidError("the comment cannot be taken",
                     {{Severity::kError, "wrong_value", Path().Key("text"),
                       "expected plain text of 1 to " + std::to_string(kMaxCommentTextBytes) + " bytes", "", ""}}));
  }
  MutexLock lock(changes_);
  const Result<Thread> held = Read(subject);
  if (!held) return Fail(held.error());
  if (held->comments.size() >= kMostComments) {
    return Fail(ErrorCode::kConflict, subject.kind + " '" + subject.key + "' has " +
                                          std::to_string(held->comments.size()) +
                                          " comments, which is the most; take some back");
  }
  Comment comment;
  comment.number = held->last + 1;
  comment.person = PersonOf(author.principal);
  comment.at_ms = options_.now_ms();
  comment.text = text;
  Item item = ItemOf(subject, comment.number);
  item.value =
      ToJson(Object{{"person", Value(comment.person)}, {"at_ms", Value(comment.at_ms)}, {"text", Value(comment.text)}});
  const Result<Committed> committed = catalog_.PutItem(item, "comment.create", author);
  if (!committed) return Fail(committed.error());
  return comment;
}

Status Comments::Remove(const CommentSubject& subject, std::uint64_t number, const Author& author) {
  MutexLock lock(changes_);
  const Item item = ItemOf(subject, number);
  const Result<std::optional<Item>> held = catalog_.FindItem(kCommentSpace, item.id);
  if (!held) return Fail(held.error());
  if (!*held) {
    return Fail(ErrorCode::kNotFound, subject.kind + " '" + subject.key + "' has no comment " + std::to_string(number));
  }
  const Result<Comment> comment = DecodeComment(**held);
  if (!comment) return Fail(comment.error());
  if (PersonOf(comment->person) != PersonOf(author.principal)) {
    return Fail(ErrorCode::kPermissionDenied, "this comment is not yours: " + comment->person + " wrote it");
  }
  // Of those that stay, the next one learns its number from them.
  const Result<Thread> thread = Read(subject);
  if (!thread) return Fail(thread.error());
  std::vector<Item> items = {item};
  if (number == thread->last) {
    items.push_back(ItemOf(subject, kLast));
    items.back().value = ToJson(Object{{"last", Value(number)}});
  }
  const Result<Committed> committed = catalog_.PutItems(items, "comment.delete", author);
  if (!committed) return Fail(committed.error());
  return {};
}

}  // namespace guidon
