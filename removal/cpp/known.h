// What expressions come to once a flag serves one value for ever, and whether they may be left out.
//
// Thread safety: one thread, of one translation unit.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/AST/Expr.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "removal/exchange.h"

namespace guidon::removal {

struct Known {
  enum class Kind { kBool, kInt, kDouble, kText, kEnumerator } kind = Kind::kBool;
  bool of_flag = false;  // it comes from the flag; else it is a constant of the code
  bool truth = false;
  std::int64_t whole = 0;  // also of an enumerator
  double number = 0;
  std::string text;
  std::string enumerator;                     // "flags::CheckoutLayout::kSinglePage"
  std::vector<const clang::Expr*> effects{};  // still to be run, in this order, and always: they may do something

  std::optional<bool> Truth() const;  // as a condition
};

// Names of one code base through which the flag is read in other translation units, too. By USR.
struct Names {
  std::set<std::string> handles;          // guidon::Flag<T>
  std::map<std::string, Known> wrappers;  // functions that do nothing but return a known value
  std::set<std::string> withdrawn;        // of those two: what is another thing elsewhere
  std::set<std::string> spoken;           // how files have to mention one of these: identifiers
  bool operator==(const Names& other) const {
    return handles == other.handles && spoken == other.spoken && withdrawn == other.withdrawn &&
           wrappers.size() == other.wrappers.size();
  }
};

// One name for what is one thing in all units; of what only its file sees, with the path of that.
std::string UsrOf(const clang::Decl* decl);
// Whether it may be another one under another #if: a directive lies in it, or it in one.
bool IsTorn(const clang::ASTContext& context, const clang::Decl* decl);

bool IsText(clang::QualType type);  // a std::basic_string or basic_string_view, or a reference to one

// A constant that every build has alike: it is written out, or made of such ones, and of no macro and under no #if.
bool IsSettled(const clang::ASTContext& context, const clang::Expr* expression);

class Knowledge {
 public:
  using Uses = std::map<const clang::ValueDecl*, std::vector<const clang::DeclRefExpr*>>;

  // All outlive this. `uses` are those of variables and functions.
  Knowledge(clang::ASTContext& context, const Request& request, const Names& names, const Uses& uses)
      : context_(context), request_(request), names_(names), uses_(uses) {}

  // nullopt: it depends on something else, or cannot be told.
  std::optional<Known> Evaluate(const clang::Expr* expression);
  // Of a variable that is never changed, and comes from the flag.
  std::optional<Known> OfVariable(const clang::VarDecl* variable);
  bool IsDetail(const clang::VarDecl* variable);  // an EvaluationDetail of the flag, that is never changed

  bool IsPure(const clang::Stmt* statement, int depth = 0) const;

  // The text of a literal expression; nullopt: not one.
  std::optional<std::string> TextOf(const clang::Expr* expression) const;

  // A function that `guidon generate cpp` has written for the flag; nullopt: none.
  std::optional<Known> OfAccessor(const clang::FunctionDecl* function) const;
  bool IsHandle(const clang::ValueDecl* decl) const;
  // The call by which a handle gets the flag's key; null: another handle, or none.
  const clang::CXXConstructExpr* HandleOf(const clang::Expr* initializer) const;
  const std::string& key() const { return request_.key; }
  static bool IsHandleType(clang::QualType type);
  static bool IsGenerated(const clang::SourceManager& sources, clang::SourceLocation at);

 private:
  std::optional<Known> Compute(const clang::Expr* expression);
  std::optional<Known> OfCall(const clang::CallExpr* call);
  std::optional<Known> OfRead(const clang::CXXMemberCallExpr* call);
  std::optional<Known> OfVariations(const clang::CallExpr* call) const;
  std::optional<Known> OfHandle(const clang::Expr* object, clang::QualType result, const clang::CallExpr* call);
  std::optional<Known> OfDetail(const clang::Expr* expression);
  std::optional<Known> OfOperator(const clang::BinaryOperator* binary);
  std::optional<Known> Compare(clang::BinaryOperatorKind kind, const clang::Expr* left, const clang::Expr* right);
  std::optional<Known> Cast(std::optional<Known> known, clang::CastKind kind, clang::QualType to) const;
  std::optional<Known> OfWrapper(const clang::FunctionDecl* function) const;
  std::optional<Known> Surviving(clang::QualType wanted) const;
  bool IsNeverChanged(const clang::VarDecl* variable) const;
  bool IsPureCall(const clang::CallExpr* call, int depth) const;
  bool IsPureFunction(const clang::FunctionDecl* function, int depth) const;
  // What has to be run of the arguments of a read.
  std::vector<const clang::Expr*> EffectsOf(const clang::CallExpr* call) const;

  clang::ASTContext& context_;
  const Request& request_;
  const Names& names_;
  const Uses& uses_;
  std::map<const clang::VarDecl*, std::optional<Known>> variables_;
  std::map<const clang::VarDecl*, bool> details_;
};

}  // namespace guidon::removal
