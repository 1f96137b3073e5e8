#include "removal/cpp/known.h"

#include <clang/AST/ASTTypeTraits.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/ParentMapContext.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Index/USRGeneration.h>
#include <clang/Lex/Lexer.h>
#include <llvm/ADT/SmallString.h>

#include <algorithm>
#include <string_view>

#include "removal/edits.h"

namespace guidon::removal {
namespace {

using clang::dyn_cast;
using clang::isa;

constexpr int kMostDepth = 4;  // of functions that are looked into

bool IsIn(const clang::Decl* decl, llvm::StringRef name_space) {
  for (const clang::DeclContext* at = decl->getDeclContext(); at != nullptr; at = at->getParent()) {
    const auto* space = dyn_cast<clang::NamespaceDecl>(at);
    if (space != nullptr && space->getName() == name_space && space->getParent()->isTranslationUnit()) return true;
  }
  return false;
}

// A class template of namespace guidon: "Reads", "Flag", "EvaluationDetail".
bool IsOurs(const clang::CXXRecordDecl* record, llvm::StringRef name) {
  return record != nullptr && record->getIdentifier() != nullptr && record->getName() == name && IsIn(record, "guidon");
}

bool Has(std::initializer_list<llvm::StringRef> names, llvm::StringRef name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

llvm::StringRef NameOf(const clang::NamedDecl* decl) {
  return decl->getIdentifier() == nullptr ? llvm::StringRef() : decl->getName();
}

bool IsOwnValue(const clang::CXXRecordDecl* record) {
  return record != nullptr && IsIn(record, "guidon") &&
         Has({"Context", "Value", "Attribute", "EvaluationDetail", "Pin", "Peek", "Flag"}, NameOf(record));
}

// A type of the standard library whose making, copying and end are nothing that anybody waits for.
bool IsPlain(const clang::CXXRecordDecl* record) {
  return record != nullptr && IsIn(record, "std") &&
         Has({"basic_string", "basic_string_view", "vector", "array", "map", "set", "unordered_map", "unordered_set",
              "optional", "pair", "tuple", "unique_ptr", "shared_ptr", "__shared_ptr", "__shared_ptr_access", "variant",
              "duration", "time_point", "allocator"},
             NameOf(record));
}

bool IsPureOperator(clang::OverloadedOperatorKind kind) {
  switch (kind) {
    case clang::OO_EqualEqual:
    case clang::OO_ExclaimEqual:
    case clang::OO_Less:
    case clang::OO_Greater:
    case clang::OO_LessEqual:
    case clang::OO_GreaterEqual:
    case clang::OO_Spaceship:
    case clang::OO_Plus:
    case clang::OO_Minus:
    case clang::OO_Slash:
    case clang::OO_Star:
    case clang::OO_Exclaim:
    case clang::OO_Subscript:
      return true;
    default:
      return false;
  }
}

void Append(std::vector<const clang::Expr*>& effects, const std::vector<const clang::Expr*>& more) {
  effects.insert(effects.end(), more.begin(), more.end());
}

// What stands between the code as it is written and what it means.
const clang::Expr* Bare(const clang::Expr* expression) {
  while (true) {
    const clang::Expr* inner = expression->IgnoreParenImpCasts();
    if (const auto* full = dyn_cast<clang::FullExpr>(inner)) inner = full->getSubExpr();
    if (const auto* made = dyn_cast<clang::MaterializeTemporaryExpr>(inner)) inner = made->getSubExpr();
    if (const auto* bound = dyn_cast<clang::CXXBindTemporaryExpr>(inner)) inner = bound->getSubExpr();
    if (const auto* cast = dyn_cast<clang::CXXFunctionalCastExpr>(inner)) inner = cast->getSubExpr();
    if (inner == expression) return expression;
    expression = inner;
  }
}

// A literal, or the name of an enumerator: no constant that another build may have otherwise.
bool IsWrittenOut(const clang::Expr* expression) {
  while (true) {
    expression = Bare(expression);
    if (expression->getBeginLoc().isMacroID()) return false;
    if (const auto* made = dyn_cast<clang::CXXConstructExpr>(expression);
        made != nullptr && IsText(made->getType()) && made->getNumArgs() >= 1) {
      expression = made->getArg(0);
    } else if (const auto* unary = dyn_cast<clang::UnaryOperator>(expression)) {
      expression = unary->getSubExpr();
    } else if (const auto* list = dyn_cast<clang::InitListExpr>(expression);
               list != nullptr && list->getNumInits() == 1) {
      expression = list->getInit(0);
    } else if (const auto* named = dyn_cast<clang::DeclRefExpr>(expression)) {
      return isa<clang::EnumConstantDecl>(named->getDecl());
    } else {
      return isa<clang::CXXBoolLiteralExpr, clang::IntegerLiteral, clang::FloatingLiteral, clang::CharacterLiteral,
                 clang::StringLiteral, clang::UserDefinedLiteral>(expression);
    }
  }
}

class Literals : public clang::RecursiveASTVisitor<Literals> {
 public:
  Literals(clang::Stmt* body, llvm::StringRef wanted) : wanted_(wanted) { TraverseStmt(body); }
  bool VisitStringLiteral(clang::StringLiteral* literal) {
    found = found || (literal->isOrdinary() && literal->getString() == wanted_);
    return true;
  }
  bool VisitCXXDependentScopeMemberExpr(clang::CXXDependentScopeMemberExpr* member) {
    method = member->getMember().getAsString();
    return true;
  }
  bool VisitCallExpr(clang::CallExpr* call) {
    if (first == nullptr) first = call;
    return true;
  }
  bool found = false;
  std::string method;
  clang::CallExpr* first = nullptr;

 private:
  llvm::StringRef wanted_;
};

}  // namespace

std::optional<bool> Known::Truth() const {
  switch (kind) {
    case Kind::kBool:
      return truth;
    case Kind::kInt:
      return whole != 0;
    case Kind::kDouble:
      return number != 0;
    default:
      return std::nullopt;
  }
}

bool IsText(clang::QualType type) {
  const auto* record = type.getNonReferenceType()->getAsCXXRecordDecl();
  return record != nullptr && IsIn(record, "std") && Has({"basic_string", "basic_string_view"}, NameOf(record));
}

std::string UsrOf(const clang::Decl* decl) {
  decl = decl->getCanonicalDecl();
  llvm::SmallString<128> usr;
  if (clang::index::generateUSRForDecl(decl, usr)) return "";
  std::string name(usr.str());
  const auto* seen = isa<clang::FieldDecl>(decl) ? dyn_cast<clang::NamedDecl>(decl->getDeclContext())
                                                 : dyn_cast<clang::NamedDecl>(decl);
  if (seen != nullptr && seen->isExternallyVisible()) return name;
  // The USR has no more than the name of the file, which files of other folders share.
  const clang::SourceManager& sources = decl->getASTContext().getSourceManager();
  const clang::FileEntry* entry =
      sources.getFileEntryForID(sources.getFileID(sources.getExpansionLoc(decl->getLocation())));
  return name + " in " + (entry == nullptr ? std::string() : entry->tryGetRealPathName().str());
}

bool IsTorn(const clang::ASTContext& context, const clang::Decl* decl) {
  const clang::SourceManager& sources = context.getSourceManager();
  const clang::SourceLocation begin = sources.getExpansionLoc(decl->getBeginLoc());
  const clang::SourceLocation end = clang::Lexer::getLocForEndOfToken(
      sources.getExpansionRange(decl->getEndLoc()).getEnd(), 0, sources, context.getLangOpts());
  if (begin.isInvalid() || end.isInvalid() || sources.getFileID(begin) != sources.getFileID(end)) return true;
  const llvm::StringRef buffer = sources.getBufferData(sources.getFileID(begin));
  const std::string_view text(buffer.data(), buffer.size());
  const std::size_t first = sources.getFileOffset(begin), last = sources.getFileOffset(end);
  if (HasDirective(text, first, last)) return true;
  if (isa<clang::VarDecl>(decl)) {  // up to its semicolon
    const std::size_t next = SkipBlanks(text, last);
    if (next < text.size() && text[next] == '#') return true;
  }
  return IsWithinIf(text, first);
}

namespace {

bool IsSettledWithin(const clang::ASTContext& context, const clang::Expr* expression, int depth) {
  if (expression == nullptr || depth > 8) return false;
  expression = Bare(expression);
  const auto is_settled = [&](const clang::Expr* part) { return IsSettledWithin(context, part, depth + 1); };
  if (const auto* binary = dyn_cast<clang::BinaryOperator>(expression)) {
    return !expression->getExprLoc().isMacroID() && is_settled(binary->getLHS()) && is_settled(binary->getRHS());
  }
  if (expression->getBeginLoc().isMacroID()) return false;
  if (const auto* made = dyn_cast<clang::CXXConstructExpr>(expression)) {
    return made->getNumArgs() >= 1 && is_settled(made->getArg(0));
  }
  if (const auto* unary = dyn_cast<clang::UnaryOperator>(expression)) return is_settled(unary->getSubExpr());
  if (const auto* cast = dyn_cast<clang::ExplicitCastExpr>(expression)) return is_settled(cast->getSubExpr());
  if (const auto* list = dyn_cast<clang::InitListExpr>(expression)) {
    return list->getNumInits() == 1 && is_settled(list->getInit(0));
  }
  if (const auto* named = dyn_cast<clang::DeclRefExpr>(expression)) {
    if (const auto* constant = dyn_cast<clang::EnumConstantDecl>(named->getDecl())) {
      const auto* type = dyn_cast<clang::EnumDecl>(constant->getDeclContext());
      if (type == nullptr || IsTorn(context, type)) return false;
      // Without a value of its own it has that of its place.
      return constant->getInitExpr() == nullptr || is_settled(constant->getInitExpr());
    }
    const auto* variable = dyn_cast<clang::VarDecl>(named->getDecl());
    return variable != nullptr && variable->getType().isConstQualified() && variable->hasInit() &&
           !IsTorn(context, variable) && is_settled(variable->getInit());
  }
  return IsWrittenOut(expression);
}

}  // namespace

bool IsSettled(const clang::ASTContext& context, const clang::Expr* expression) {
  return IsSettledWithin(context, expression, 0);
}

bool Knowledge::IsGenerated(const clang::SourceManager& sources, clang::SourceLocation at) {
  const llvm::StringRef text = sources.getBufferData(sources.getFileID(sources.getExpansionLoc(at)));
  return text.take_front(1000).contains("Written by `guidon generate cpp`");
}

bool Knowledge::IsHandleType(clang::QualType type) {
  return IsOurs(type.getNonReferenceType()->getAsCXXRecordDecl(), "Flag");
}

bool Knowledge::IsHandle(const clang::ValueDecl* decl) const {
  if (!IsHandleType(decl->getType())) return false;
  const auto* variable = dyn_cast<clang::VarDecl>(decl);
  const clang::Expr* initializer = variable == nullptr ? nullptr : variable->getAnyInitializer();
  if (initializer != nullptr && HandleOf(initializer) == nullptr) return false;
  const std::string usr = UsrOf(decl);
  return names_.handles.count(usr) != 0 && names_.withdrawn.count(usr) == 0;
}

const clang::CXXConstructExpr* Knowledge::HandleOf(const clang::Expr* initializer) const {
  if (initializer == nullptr || initializer->isInstantiationDependent()) return nullptr;
  const auto* made = dyn_cast<clang::CXXConstructExpr>(Bare(initializer));
  if (made == nullptr || made->getNumArgs() < 2 || !IsHandleType(made->getType())) return nullptr;
  const std::optional<std::string> key = TextOf(made->getArg(1));
  return key && *key == request_.key ? made : nullptr;
}

std::optional<std::string> Knowledge::TextOf(const clang::Expr* expression) const {
  for (int depth = 0; expression != nullptr && depth < 16; ++depth) {
    expression = Bare(expression);
    if (expression->isInstantiationDependent()) return std::nullopt;
    if (const auto* literal = dyn_cast<clang::StringLiteral>(expression)) {
      return literal->isOrdinary() || literal->isUTF8() ? std::optional(literal->getString().str()) : std::nullopt;
    }
    if (const auto* made = dyn_cast<clang::CXXConstructExpr>(expression)) {
      const unsigned count = made->getNumArgs();
      const bool is_one = count == 1 || (count > 1 && isa<clang::CXXDefaultArgExpr>(made->getArg(1)));
      if (!is_one || !IsText(made->getType())) return std::nullopt;
      expression = made->getArg(0);
    } else if (const auto* literal = dyn_cast<clang::UserDefinedLiteral>(expression)) {
      if (!IsText(literal->getType()) || literal->getNumArgs() == 0) return std::nullopt;
      expression = literal->getArg(0);
    } else if (const auto* list = dyn_cast<clang::InitListExpr>(expression)) {
      if (list->getNumInits() != 1) return std::nullopt;
      expression = list->getInit(0);
    } else if (const auto* call = dyn_cast<clang::CXXMemberCallExpr>(expression)) {
      if (!isa_and_nonnull<clang::CXXConversionDecl>(call->getMethodDecl())) return std::nullopt;
      expression = call->getImplicitObjectArgument();
    } else if (const auto* named = dyn_cast<clang::DeclRefExpr>(expression)) {
      const auto* variable = dyn_cast<clang::VarDecl>(named->getDecl());
      if (variable == nullptr || isa<clang::ParmVarDecl>(variable)) return std::nullopt;
      const bool is_const = variable->isConstexpr() || variable->getType().isConstQualified() ||
                            context_.getBaseElementType(variable->getType()).isConstQualified();
      if (!is_const) return std::nullopt;
      expression = variable->getAnyInitializer();
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Known> Knowledge::Evaluate(const clang::Expr* expression) {
  if (expression == nullptr || expression->isInstantiationDependent()) return std::nullopt;
  return Compute(expression);
}

std::optional<Known> Knowledge::Compute(const clang::Expr* expression) {
  if (const auto* paren = dyn_cast<clang::ParenExpr>(expression)) return Compute(paren->getSubExpr());
  if (const auto* full = dyn_cast<clang::FullExpr>(expression)) return Compute(full->getSubExpr());
  if (const auto* made = dyn_cast<clang::MaterializeTemporaryExpr>(expression)) return Compute(made->getSubExpr());
  if (const auto* bound = dyn_cast<clang::CXXBindTemporaryExpr>(expression)) return Compute(bound->getSubExpr());
  if (const auto* list = dyn_cast<clang::InitListExpr>(expression)) {
    return list->getNumInits() == 1 && !list->getType()->isAggregateType() ? Compute(list->getInit(0)) : std::nullopt;
  }
  if (const auto* cast = dyn_cast<clang::CastExpr>(expression)) {
    return Cast(Compute(cast->getSubExpr()), cast->getCastKind(), cast->getType());
  }
  if (const auto* literal = dyn_cast<clang::CXXBoolLiteralExpr>(expression)) {
    Known known;
    known.truth = literal->getValue();
    return known;
  }
  if (const auto* made = dyn_cast<clang::CXXConstructExpr>(expression)) {
    const bool is_one =
        made->getNumArgs() == 1 || (made->getNumArgs() == 2 && isa<clang::CXXDefaultArgExpr>(made->getArg(1)));
    if (is_one && IsText(made->getType())) {
      std::optional<Known> known = Compute(made->getArg(0));
      if (known && known->kind == Known::Kind::kText) return known;
    }
    return std::nullopt;
  }
  if (const auto* named = dyn_cast<clang::DeclRefExpr>(expression)) {
    const auto* variable = dyn_cast<clang::VarDecl>(named->getDecl());
    if (variable != nullptr && !named->getBeginLoc().isMacroID()) {
      if (std::optional<Known> known = OfVariable(variable)) {
        known->effects.clear();  // those are run where it is declared
        return known;
      }
    }
  }
  if (const auto* member = dyn_cast<clang::MemberExpr>(expression)) {
    if (NameOf(member->getMemberDecl()) == "value" &&
        IsOurs(member->getBase()->getType()->getAsCXXRecordDecl(), "EvaluationDetail")) {
      return OfDetail(member->getBase());
    }
    return std::nullopt;
  }
  if (const auto* unary = dyn_cast<clang::UnaryOperator>(expression); unary && unary->getOpcode() == clang::UO_LNot) {
    std::optional<Known> known = Compute(unary->getSubExpr());
    if (!known || !known->Truth()) return std::nullopt;
    Known negated;
    negated.of_flag = known->of_flag;
    negated.truth = !*known->Truth();
    negated.effects = known->effects;
    return negated;
  }
  if (const auto* binary = dyn_cast<clang::BinaryOperator>(expression)) {
    if (binary->isLogicalOp() || binary->isComparisonOp()) return OfOperator(binary);
    return std::nullopt;
  }
  if (const auto* rewritten = dyn_cast<clang::CXXRewrittenBinaryOperator>(expression)) {
    const auto form = rewritten->getDecomposedForm();
    if (form.Opcode != clang::BO_EQ && form.Opcode != clang::BO_NE) return std::nullopt;
    return Compare(form.Opcode, form.LHS, form.RHS);
  }
  if (const auto* choice = dyn_cast<clang::ConditionalOperator>(expression)) {
    const std::optional<Known> condition = Compute(choice->getCond());
    if (!condition || !condition->of_flag || !condition->Truth()) return std::nullopt;
    std::optional<Known> chosen = Compute(*condition->Truth() ? choice->getTrueExpr() : choice->getFalseExpr());
    if (!chosen) return std::nullopt;
    std::vector<const clang::Expr*> effects = condition->effects;
    Append(effects, chosen->effects);
    chosen->effects = std::move(effects);
    chosen->of_flag =
        chosen->of_flag || IsWrittenOut(*condition->Truth() ? choice->getTrueExpr() : choice->getFalseExpr());
    return chosen;
  }
  if (const auto* call = dyn_cast<clang::CallExpr>(expression)) {
    if (std::optional<Known> known = OfCall(call)) return known;
  }
  // A constant of the code.
  if (const std::optional<std::string> text = IsText(expression->getType()) || isa<clang::StringLiteral>(expression) ||
                                                      expression->getType()->isPointerType()
                                                  ? TextOf(expression)
                                                  : std::nullopt) {
    Known known;
    known.kind = Known::Kind::kText;
    known.text = *text;
    return known;
  }
  const clang::QualType type = expression->getType();
  clang::Expr::EvalResult result;
  if (type->isIntegralOrEnumerationType() && expression->EvaluateAsInt(result, context_)) {
    const llvm::APSInt& number = result.Val.getInt();
    if (number.getBitWidth() > 64 || (number.isUnsigned() && number.getActiveBits() > 63)) return std::nullopt;
    Known known;
    known.kind = type->isBooleanType() ? Known::Kind::kBool : Known::Kind::kInt;
    known.whole = number.getExtValue();
    known.truth = known.whole != 0;
    return known;
  }
  llvm::APFloat number(0.0);
  if (type->isSpecificBuiltinType(clang::BuiltinType::Double) && expression->EvaluateAsFloat(number, context_)) {
    Known known;
    known.kind = Known::Kind::kDouble;
    known.number = number.convertToDouble();
    return known;
  }
  return std::nullopt;
}

std::optional<Known> Knowledge::Cast(std::optional<Known> known, clang::CastKind kind, clang::QualType to) const {
  if (!known) return std::nullopt;
  switch (kind) {
    case clang::CK_LValueToRValue:
    case clang::CK_NoOp:
    case clang::CK_ArrayToPointerDecay:
    case clang::CK_ConstructorConversion:
    case clang::CK_UserDefinedConversion:
      return known;
    case clang::CK_IntegralToBoolean:
    case clang::CK_FloatingToBoolean: {
      const std::optional<bool> truth = known->Truth();
      if (!truth) return std::nullopt;
      known->kind = Known::Kind::kBool;
      known->truth = *truth;
      return known;
    }
    case clang::CK_IntegralCast: {
      if (known->kind == Known::Kind::kBool) {
        known->kind = Known::Kind::kInt;
        known->whole = known->truth ? 1 : 0;
      }
      if (known->kind != Known::Kind::kInt && known->kind != Known::Kind::kEnumerator) return std::nullopt;
      const unsigned bits = context_.getIntWidth(to);
      const bool fits = bits >= 64 ? (to->isSignedIntegerOrEnumerationType() || known->whole >= 0)
                                   : known->whole >= 0 && known->whole < (std::int64_t{1} << (bits - 1));
      const bool fits_below = to->isSignedIntegerOrEnumerationType() && bits < 64 && known->whole < 0 &&
                              known->whole >= -(std::int64_t{1} << (bits - 1));
      if (!fits && !fits_below) return std::nullopt;
      if (known->kind == Known::Kind::kEnumerator && !to->isEnumeralType()) known->kind = Known::Kind::kInt;
      return known;
    }
    case clang::CK_IntegralToFloating:
      if (known->kind != Known::Kind::kInt || !to->isSpecificBuiltinType(clang::BuiltinType::Double)) {
        return std::nullopt;
      }
      known->kind = Known::Kind::kDouble;
      known->number = static_cast<double>(known->whole);
      return known;
    default:
      return std::nullopt;
  }
}

std::optional<Known> Knowledge::Surviving(clang::QualType wanted) const {
  Known known;
  known.of_flag = true;
  const Value& value = request_.value;
  wanted = wanted.getCanonicalType().getUnqualifiedType();
  if (wanted->isBooleanType()) {
    if (!value.is_bool()) return std::nullopt;
    known.truth = value.AsBool();
    return known;
  }
  if (IsText(wanted)) {
    if (!value.is_string()) return std::nullopt;
    known.kind = Known::Kind::kText;
    known.text = value.AsString();
    return known;
  }
  if (wanted->isIntegerType()) {
    if (!value.is_number() || !value.IsIntegral()) return std::nullopt;
    known.kind = Known::Kind::kInt;
    known.whole = value.AsInt();
    return known;
  }
  if (wanted->isSpecificBuiltinType(clang::BuiltinType::Double)) {
    if (!value.is_number()) return std::nullopt;
    known.kind = Known::Kind::kDouble;
    known.number = value.AsDouble();
    return known;
  }
  return std::nullopt;  // JSON has no literal
}

std::vector<const clang::Expr*> Knowledge::EffectsOf(const clang::CallExpr* call) const {
  std::vector<const clang::Expr*> effects;
  const auto* member = dyn_cast<clang::CXXMemberCallExpr>(call);
  if (member != nullptr && !IsPure(member->getImplicitObjectArgument())) {
    effects.push_back(member->getImplicitObjectArgument());
  }
  for (const clang::Expr* argument : call->arguments()) {
    if (IsPure(argument)) continue;
    // Of a default nothing is written here that could stay: it cannot be told from the read.
    if (isa<clang::CXXDefaultArgExpr>(argument)) return {call};
    // Only what calls something is worth a statement of its own: `MakeUser(id)` of a conversion of it.
    effects.push_back(Bare(argument));
  }
  return effects;
}

std::optional<Known> Knowledge::OfCall(const clang::CallExpr* call) {
  if (call->getBeginLoc().isMacroID()) return std::nullopt;
  if (const auto* member = dyn_cast<clang::CXXMemberCallExpr>(call)) {
    const clang::CXXMethodDecl* method = member->getMethodDecl();
    if (method == nullptr) return std::nullopt;
    if (isa<clang::CXXConversionDecl>(method)) {
      std::optional<Known> known = Compute(member->getImplicitObjectArgument());
      return known && known->kind == Known::Kind::kText && IsText(method->getReturnType()) ? known : std::nullopt;
    }
    if (IsOurs(method->getParent(), "Reads")) return OfRead(member);
    if (IsOurs(method->getParent(), "Flag") && NameOf(method) == "Peek") {
      return OfHandle(member->getImplicitObjectArgument(), method->getReturnType(), call);
    }
    std::optional<Known> known = OfWrapper(method);
    if (known) known->effects = EffectsOf(call);
    return known;
  }
  if (const auto* called = dyn_cast<clang::CXXOperatorCallExpr>(call)) {
    switch (called->getOperator()) {
      case clang::OO_Call:
        if (called->getNumArgs() < 2 || !IsHandleType(called->getArg(0)->getType())) return std::nullopt;
        return OfHandle(called->getArg(0), called->getCallReturnType(context_), call);
      case clang::OO_EqualEqual:
      case clang::OO_ExclaimEqual:
        if (called->getNumArgs() != 2) return std::nullopt;
        return Compare(called->getOperator() == clang::OO_EqualEqual ? clang::BO_EQ : clang::BO_NE, called->getArg(0),
                       called->getArg(1));
      default:
        return std::nullopt;
    }
  }
  const clang::FunctionDecl* function = call->getDirectCallee();
  if (function == nullptr) return std::nullopt;
  std::optional<Known> known = OfAccessor(function);
  if (!known) known = OfWrapper(function);
  if (known) known->effects = EffectsOf(call);
  return known;
}

std::optional<Known> Knowledge::OfWrapper(const clang::FunctionDecl* function) const {
  if (names_.wrappers.empty()) return std::nullopt;
  const auto found = names_.wrappers.find(UsrOf(function));
  return found == names_.wrappers.end() || names_.withdrawn.count(found->first) != 0 ? std::nullopt
                                                                                     : std::optional(found->second);
}

std::optional<Known> Knowledge::OfRead(const clang::CXXMemberCallExpr* call) {
  const llvm::StringRef name = NameOf(call->getMethodDecl());
  if (call->getNumArgs() < 3 || TextOf(call->getArg(0)) != request_.key) return std::nullopt;
  std::optional<Known> known;
  if (name == "Variation") {
    known = OfVariations(call);
  } else if (Has({"Bool", "String", "Int", "Double"}, name)) {
    known = Surviving(call->getType());
  }
  if (known) known->effects = EffectsOf(call);
  return known;
}

// Which of the names it is: client.Variation("key", context, kNames, 2, 0).
std::optional<Known> Knowledge::OfVariations(const clang::CallExpr* call) const {
  if (call->getNumArgs() < 4 || request_.variation.empty()) return std::nullopt;
  const auto* named = dyn_cast<clang::DeclRefExpr>(Bare(call->getArg(2)));
  const auto* variable = named == nullptr ? nullptr : dyn_cast<clang::VarDecl>(named->getDecl());
  const clang::Expr* initializer = variable == nullptr ? nullptr : variable->getAnyInitializer();
  const auto* list = initializer == nullptr ? nullptr : dyn_cast<clang::InitListExpr>(Bare(initializer));
  if (list == nullptr) return std::nullopt;
  for (unsigned i = 0; i < list->getNumInits(); ++i) {
    if (TextOf(list->getInit(i)) != request_.variation) continue;
    Known known;
    known.of_flag = true;
    known.kind = Known::Kind::kInt;
    known.whole = i;
    return known;
  }
  return std::nullopt;
}

std::optional<Known> Knowledge::OfAccessor(const clang::FunctionDecl* function) const {
  const clang::FunctionTemplateDecl* made_of = function->getPrimaryTemplate();
  if (made_of == nullptr || !IsGenerated(context_.getSourceManager(), made_of->getLocation())) return std::nullopt;
  clang::Stmt* body = made_of->getTemplatedDecl()->getBody();
  if (body == nullptr) return std::nullopt;
  const Literals literals(body, request_.key);
  if (!literals.found) return std::nullopt;
  if (literals.method != "Variation") return Surviving(function->getReturnType());
  const auto* type = function->getReturnType()->getAs<clang::EnumType>();
  if (type == nullptr || literals.first == nullptr) return std::nullopt;
  std::optional<Known> known = OfVariations(literals.first);
  if (!known) return std::nullopt;
  for (const clang::EnumConstantDecl* enumerator : type->getDecl()->enumerators()) {
    if (enumerator->getInitVal().getExtValue() != known->whole) continue;
    known->kind = Known::Kind::kEnumerator;
    known->enumerator = enumerator->getQualifiedNameAsString();
    return known;
  }
  return std::nullopt;
}

std::optional<Known> Knowledge::OfHandle(const clang::Expr* object, clang::QualType result,
                                         const clang::CallExpr* call) {
  const clang::Expr* bare = Bare(object);
  const clang::ValueDecl* decl = nullptr;
  if (const auto* named = dyn_cast<clang::DeclRefExpr>(bare)) decl = named->getDecl();
  if (const auto* member = dyn_cast<clang::MemberExpr>(bare)) decl = member->getMemberDecl();
  if (decl == nullptr || !IsHandle(decl) || bare->getBeginLoc().isMacroID()) return std::nullopt;
  std::optional<Known> known = Surviving(result);
  if (known) known->effects = EffectsOf(call);
  return known;
}

std::optional<Known> Knowledge::OfDetail(const clang::Expr* expression) {
  const clang::Expr* bare = Bare(expression);
  if (bare->getBeginLoc().isMacroID()) return std::nullopt;
  if (const auto* named = dyn_cast<clang::DeclRefExpr>(bare)) {
    const auto* variable = dyn_cast<clang::VarDecl>(named->getDecl());
    if (variable == nullptr || !IsDetail(variable)) return std::nullopt;
    std::optional<Known> known = OfDetail(variable->getAnyInitializer());
    if (known) known->effects.clear();
    return known;
  }
  if (const auto* made = dyn_cast<clang::CXXConstructExpr>(bare); made != nullptr && made->getNumArgs() == 1) {
    return OfDetail(made->getArg(0));
  }
  const auto* call = dyn_cast<clang::CXXMemberCallExpr>(bare);
  if (call == nullptr || call->getMethodDecl() == nullptr) return std::nullopt;
  const clang::CXXMethodDecl* method = call->getMethodDecl();
  const auto* detail = dyn_cast_or_null<clang::ClassTemplateSpecializationDecl>(call->getType()->getAsCXXRecordDecl());
  if (!IsOurs(detail, "EvaluationDetail")) return std::nullopt;
  const clang::QualType wanted = detail->getTemplateArgs()[0].getAsType();
  if (IsOurs(method->getParent(), "Flag")) return OfHandle(call->getImplicitObjectArgument(), wanted, call);
  if (!IsOurs(method->getParent(), "Reads") || call->getNumArgs() < 3 || TextOf(call->getArg(0)) != request_.key) {
    return std::nullopt;
  }
  std::optional<Known> known = Surviving(wanted);
  if (known) known->effects = EffectsOf(call);
  return known;
}

std::optional<Known> Knowledge::OfOperator(const clang::BinaryOperator* binary) {
  if (binary->isComparisonOp()) return Compare(binary->getOpcode(), binary->getLHS(), binary->getRHS());
  const bool stops_at = binary->getOpcode() == clang::BO_LOr;  // the value that decides alone
  const std::optional<Known> left = Compute(binary->getLHS()), right = Compute(binary->getRHS());
  const auto is = [](const std::optional<Known>& side, bool wanted) {
    return side && side->of_flag && side->Truth() == wanted;
  };
  Known known;
  known.of_flag = true;
  known.truth = stops_at;
  if (is(left, stops_at)) {
    known.effects = left->effects;
    return known;
  }
  if (is(right, stops_at) && right->effects.empty()) {
    if (!IsPure(binary->getLHS())) known.effects.push_back(binary->getLHS());
    return known;
  }
  // A constant of the code may be another one in another build.
  if (left && right && left->Truth() && right->Truth() && left->of_flag && right->of_flag) {
    known.effects = left->effects;
    Append(known.effects, right->effects);
    known.truth = *right->Truth();
    return known;
  }
  return std::nullopt;
}

std::optional<Known> Knowledge::Compare(clang::BinaryOperatorKind kind, const clang::Expr* left,
                                        const clang::Expr* right) {
  const std::optional<Known> a = Compute(left), b = Compute(right);
  if (!a || !b || !(a->of_flag || b->of_flag)) return std::nullopt;
  if (!a->effects.empty() && !b->effects.empty()) return std::nullopt;
  // An enumerator is the same one everywhere, whatever it counts as.
  const bool is_enumerator = a->kind == Known::Kind::kEnumerator || b->kind == Known::Kind::kEnumerator;
  for (const auto& [side, known] : {std::pair(left, &*a), std::pair(right, &*b)}) {
    if (!known->of_flag && !(is_enumerator && IsWrittenOut(side)) && !IsSettled(context_, side)) return std::nullopt;
  }
  Known known;
  known.of_flag = true;
  known.effects = a->effects;
  Append(known.effects, b->effects);
  const auto is_whole = [](const Known& side) {
    return side.kind == Known::Kind::kInt || side.kind == Known::Kind::kEnumerator || side.kind == Known::Kind::kBool;
  };
  const auto whole = [](const Known& side) {
    return side.kind == Known::Kind::kBool ? std::int64_t{side.truth} : side.whole;
  };
  const auto compared = [kind](const auto& x, const auto& y) -> std::optional<bool> {
    switch (kind) {
      case clang::BO_EQ:
        return x == y;
      case clang::BO_NE:
        return x != y;
      case clang::BO_LT:
        return x < y;
      case clang::BO_GT:
        return x > y;
      case clang::BO_LE:
        return x <= y;
      case clang::BO_GE:
        return x >= y;
      default:
        return std::nullopt;
    }
  };
  std::optional<bool> truth;
  if (a->kind == Known::Kind::kText && b->kind == Known::Kind::kText) {
    // Pointers would be compared, not texts.
    if (left->getType()->isPointerType() && right->getType()->isPointerType()) return std::nullopt;
    truth = compared(a->text, b->text);
  } else if (is_whole(*a) && is_whole(*b)) {
    truth = compared(whole(*a), whole(*b));
  } else if (a->kind == Known::Kind::kDouble && b->kind == Known::Kind::kDouble) {
    truth = compared(a->number, b->number);
  }
  if (!truth) return std::nullopt;
  known.truth = *truth;
  return known;
}

// ---- Variables
// -------------------------------------------------------------------------------------------------------

bool Knowledge::IsNeverChanged(const clang::VarDecl* variable) const {
  const clang::QualType type = variable->getType();
  if (type->isReferenceType() || type.isVolatileQualified()) return false;
  if (type.isConstQualified() || variable->isConstexpr()) return true;
  if (!variable->isLocalVarDecl()) return false;
  const auto found = uses_.find(variable);
  if (found == uses_.end()) return true;
  return std::all_of(found->second.begin(), found->second.end(), [&](const clang::DeclRefExpr* use) {
    const clang::DynTypedNodeList parents = context_.getParents(*use);
    if (parents.size() != 1) return false;
    if (const auto* member = parents[0].get<clang::MemberExpr>()) {
      // Of an EvaluationDetail: its member is only read.
      const clang::DynTypedNodeList above = context_.getParents(*member);
      const auto* cast = above.size() == 1 ? above[0].get<clang::ImplicitCastExpr>() : nullptr;
      return cast != nullptr && (cast->getCastKind() == clang::CK_LValueToRValue ||
                                 (cast->getCastKind() == clang::CK_NoOp && cast->getType().isConstQualified()));
    }
    const auto* cast = parents[0].get<clang::ImplicitCastExpr>();
    if (cast == nullptr) return false;
    return cast->getCastKind() == clang::CK_LValueToRValue ||
           (cast->getCastKind() == clang::CK_NoOp && cast->getType().isConstQualified());
  });
}

std::optional<Known> Knowledge::OfVariable(const clang::VarDecl* variable) {
  if (isa<clang::ParmVarDecl>(variable) || variable->isInvalidDecl()) return std::nullopt;
  const clang::Expr* initializer = variable->getAnyInitializer();
  if (initializer == nullptr || initializer->isInstantiationDependent()) return std::nullopt;
  const auto known = variables_.find(variable);
  if (known != variables_.end()) return known->second;
  variables_[variable] = std::nullopt;  // of one that is made of itself
  const clang::QualType type = variable->getType();
  const bool is_type = type->isBooleanType() || type->isIntegerType() || type->isEnumeralType() ||
                       type->isSpecificBuiltinType(clang::BuiltinType::Double) || IsText(type);
  if (!is_type || !IsNeverChanged(variable)) return std::nullopt;
  std::optional<Known> result = Compute(initializer);
  if (!result || !result->of_flag || IsTorn(context_, variable)) result = std::nullopt;
  variables_[variable] = result;
  return result;
}

bool Knowledge::IsDetail(const clang::VarDecl* variable) {
  const auto known = details_.find(variable);
  if (known != details_.end()) return known->second;
  details_[variable] = false;
  const clang::Expr* initializer = variable->getAnyInitializer();
  if (isa<clang::ParmVarDecl>(variable) || initializer == nullptr || initializer->isInstantiationDependent() ||
      !IsOurs(variable->getType()->getAsCXXRecordDecl(), "EvaluationDetail") ||
      variable->getType()->isReferenceType() || !IsNeverChanged(variable)) {
    return false;
  }
  return details_[variable] = OfDetail(initializer).has_value() && !IsTorn(context_, variable);
}

// ---- What may be left out
// --------------------------------------------------------------------------------------------

bool Knowledge::IsPure(const clang::Stmt* statement, int depth) const {
  if (statement == nullptr) return true;
  if (const auto* call = dyn_cast<clang::CallExpr>(statement)) {
    if (!IsPureCall(call, depth)) return false;
  } else if (const auto* made = dyn_cast<clang::CXXConstructExpr>(statement)) {
    const clang::CXXConstructorDecl* constructor = made->getConstructor();
    const clang::CXXRecordDecl* record = constructor->getParent();
    const bool is_ours = IsOwnValue(record);
    if (!constructor->isTrivial() && !constructor->isConstexpr() && !is_ours && !IsText(made->getType())) return false;
  } else if (const auto* bound = dyn_cast<clang::CXXBindTemporaryExpr>(statement)) {
    const clang::CXXRecordDecl* record = bound->getType()->getAsCXXRecordDecl();
    if (!IsPlain(record) && !IsOwnValue(record)) return false;  // its end may do something
  } else if (const auto* binary = dyn_cast<clang::BinaryOperator>(statement)) {
    if (binary->isAssignmentOp()) return false;
  } else if (const auto* unary = dyn_cast<clang::UnaryOperator>(statement)) {
    if (unary->isIncrementDecrementOp()) return false;
  } else if (const auto* lambda = dyn_cast<clang::LambdaExpr>(statement)) {
    // Making it is no more than making what it captures.
    return std::all_of(lambda->capture_init_begin(), lambda->capture_init_end(),
                       [&](const clang::Expr* captured) { return IsPure(captured, depth); });
  } else if (const auto* given = dyn_cast<clang::CXXDefaultArgExpr>(statement)) {
    return IsPure(given->getExpr(), depth);
  } else if (const auto* member = dyn_cast<clang::CXXDefaultInitExpr>(statement)) {
    return IsPure(member->getExpr(), depth);
  } else if (isa<clang::CXXNewExpr, clang::CXXDeleteExpr, clang::CXXThrowExpr, clang::CoroutineSuspendExpr,
                 clang::StmtExpr, clang::AtomicExpr, clang::VAArgExpr, clang::AsmStmt, clang::ForStmt, clang::WhileStmt,
                 clang::DoStmt, clang::CXXForRangeStmt, clang::GotoStmt, clang::CXXTryStmt>(statement)) {
    return false;
  }
  if (const auto* expression = dyn_cast<clang::Expr>(statement);
      expression != nullptr && expression->getType().isVolatileQualified()) {
    return false;
  }
  return std::all_of(statement->child_begin(), statement->child_end(),
                     [&](const clang::Stmt* child) { return IsPure(child, depth); });
}

bool Knowledge::IsPureCall(const clang::CallExpr* call, int depth) const {
  const clang::FunctionDecl* function = call->getDirectCallee();
  if (function == nullptr) return false;
  if (function->hasAttr<clang::PureAttr>() || function->hasAttr<clang::ConstAttr>()) return true;
  // Whom to ask: making a client where there is none yet is no deed that a read is needed for.
  clang::QualType given = function->getReturnType().getNonReferenceType();
  if (given->isPointerType()) given = given->getPointeeType();
  if (IsOurs(given->getAsCXXRecordDecl(), "Client")) return true;
  const llvm::StringRef name = NameOf(function);
  const auto* method = dyn_cast<clang::CXXMethodDecl>(function);
  if (method != nullptr && IsIn(method, "guidon")) {
    const llvm::StringRef of = NameOf(method->getParent());
    if (of == "Client" || of == "Pin") return Has({"Pin", "Peek", "revision"}, name);
    if (of == "Flag") return name == "key";
    if (of == "Context" && Has({"Set", "SetKey"}, name)) {
      // Of one that is made on the spot.
      const auto* member = dyn_cast<clang::CXXMemberCallExpr>(call);
      const clang::Expr* object = member == nullptr ? nullptr : member->getImplicitObjectArgument();
      while (object != nullptr) {
        object = Bare(object);
        const auto* below = dyn_cast<clang::CXXMemberCallExpr>(object);
        if (below == nullptr) break;
        object = below->getImplicitObjectArgument();
      }
      return object != nullptr && (isa<clang::CXXConstructExpr>(object) || object->isPRValue());
    }
    return Has({"Context", "Value"}, of) && (method->isConst() || method->isStatic());
  }
  if (IsIn(function, "std")) {
    if (method == nullptr) {
      return Has({"to_string", "move", "forward", "as_const", "get", "min", "max"}, name) ||
             IsPureOperator(function->getOverloadedOperator());
    }
    if (!IsPlain(method->getParent())) return false;
    return method->isConst() || Has({"begin", "end", "data", "front", "back", "find", "value"}, name) ||
           method->getOverloadedOperator() == clang::OO_Star || method->getOverloadedOperator() == clang::OO_Arrow;
  }
  return IsPureFunction(function, depth + 1);
}

bool Knowledge::IsPureFunction(const clang::FunctionDecl* function, int depth) const {
  const auto* method = dyn_cast<clang::CXXMethodDecl>(function);
  const clang::FunctionDecl* definition = nullptr;
  const auto operation = function->getOverloadedOperator();
  if (operation != clang::OO_None && operation != clang::OO_Call && !IsPureOperator(operation)) return false;
  if (depth > kMostDepth || (method != nullptr && method->isVirtual()) || !function->hasBody(definition)) return false;
  return !definition->isDependentContext() && IsPure(definition->getBody(), depth);
}

}  // namespace guidon::removal
