#include "removal/cpp/folder.h"

#include <clang/AST/ASTTypeTraits.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/ParentMapContext.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/AST/StmtCXX.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Lexer.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "core/base/json.h"

namespace guidon::removal {
namespace {

using clang::dyn_cast;
using clang::dyn_cast_or_null;
using clang::isa;
using clang::isa_and_nonnull;

// Bytes of one file.
struct Range {
  std::string file;
  std::size_t begin = 0, end = 0;
};

// The text of files of this translation unit, and where things stand in it.
class Sources {
 public:
  Sources(clang::ASTContext& context, const Request& request)
      : sources_(context.getSourceManager()), options_(context.getLangOpts()) {
    files_.insert(request.files.begin(), request.files.end());
  }

  // Empty: of no file that may be changed.
  std::string FileOf(clang::SourceLocation at) const {
    if (at.isInvalid()) return "";
    const clang::FileID id = sources_.getFileID(sources_.getExpansionLoc(at));
    const clang::FileEntry* entry = sources_.getFileEntryForID(id);
    if (entry == nullptr) return "";
    const std::string path = entry->tryGetRealPathName().str();
    return files_.count(path) != 0 && !Knowledge::IsGenerated(sources_, at) ? path : "";
  }

  std::string_view TextAt(clang::SourceLocation at) const {
    const llvm::StringRef text = sources_.getBufferData(sources_.getFileID(sources_.getExpansionLoc(at)));
    return {text.data(), text.size()};
  }

  // nullopt: it is made by a macro, or is of another file.
  std::optional<Range> Of(clang::SourceLocation begin, clang::SourceLocation last) const {
    if (begin.isInvalid() || last.isInvalid() || begin.isMacroID() || last.isMacroID()) return std::nullopt;
    const clang::SourceLocation end = clang::Lexer::getLocForEndOfToken(last, 0, sources_, options_);
    if (end.isInvalid() || sources_.getFileID(begin) != sources_.getFileID(end)) return std::nullopt;
    std::string file = FileOf(begin);
    if (file.empty()) return std::nullopt;
    return Range{std::move(file), sources_.getFileOffset(begin), sources_.getFileOffset(end)};
  }
  // Of one that begins or ends with a whole macro, too.
  std::optional<Range> Of(const clang::Stmt* statement) const {
    if (std::optional<Range> range = Of(statement->getBeginLoc(), statement->getEndLoc())) return range;
    const clang::CharSourceRange whole = clang::Lexer::makeFileCharRange(
        clang::CharSourceRange::getTokenRange(statement->getSourceRange()), sources_, options_);
    if (whole.isInvalid()) return std::nullopt;
    std::string file = FileOf(whole.getBegin());
    if (file.empty()) return std::nullopt;
    return Range{std::move(file), sources_.getFileOffset(whole.getBegin()), sources_.getFileOffset(whole.getEnd())};
  }
  std::size_t Offset(clang::SourceLocation at) const { return sources_.getFileOffset(sources_.getExpansionLoc(at)); }
  clang::SourceManager& manager() const { return sources_; }

  // A statement with its semicolon.
  std::optional<Range> OfWhole(const clang::Stmt* statement) const {
    std::optional<Range> range = Of(statement);
    if (!range) return std::nullopt;
    const clang::Stmt* last = statement;
    while (true) {
      if (const auto* branch = dyn_cast<clang::IfStmt>(last)) {
        last = branch->getElse() != nullptr ? branch->getElse() : branch->getThen();
      } else if (const auto* loop = dyn_cast<clang::ForStmt>(last)) {
        last = loop->getBody();
      } else if (const auto* each = dyn_cast<clang::CXXForRangeStmt>(last)) {
        last = each->getBody();
      } else if (const auto* repeat = dyn_cast<clang::WhileStmt>(last)) {
        last = repeat->getBody();
      } else if (const auto* choice = dyn_cast<clang::SwitchStmt>(last)) {
        last = choice->getBody();
      } else if (const auto* label = dyn_cast<clang::LabelStmt>(last)) {
        last = label->getSubStmt();
      } else if (const auto* marked = dyn_cast<clang::AttributedStmt>(last)) {
        last = marked->getSubStmt();
      } else if (const auto* section = dyn_cast<clang::SwitchCase>(last)) {
        last = section->getSubStmt();
      } else {
        break;
      }
    }
    if (isa<clang::CompoundStmt, clang::CXXTryStmt, clang::DeclStmt, clang::NullStmt>(last)) return range;
    const std::string_view text = TextAt(statement->getBeginLoc());
    const std::size_t at = SkipBlanks(text, range->end);
    if (at >= text.size() || text[at] != ';') return std::nullopt;
    range->end = at + 1;
    return range;
  }

 private:
  clang::SourceManager& sources_;
  const clang::LangOptions& options_;
  std::set<std::string> files_;
};

// What the file's own declarations are: those that are walked.
std::vector<clang::Decl*> OwnDeclarations(clang::ASTContext& context, const Sources& sources) {
  std::vector<clang::Decl*> own;
  for (clang::Decl* decl : context.getTranslationUnitDecl()->decls()) {
    if (!sources.FileOf(decl->getLocation()).empty() || !sources.FileOf(decl->getBeginLoc()).empty()) {
      own.push_back(decl);
    }
  }
  return own;
}

class UsesOfVariables : public clang::RecursiveASTVisitor<UsesOfVariables> {
 public:
  explicit UsesOfVariables(Knowledge::Uses& uses) : uses_(uses) {}
  bool VisitDeclRefExpr(clang::DeclRefExpr* use) {
    if (isa<clang::VarDecl, clang::FunctionDecl>(use->getDecl())) uses_[use->getDecl()].push_back(use);
    return true;
  }
  // Names of captures are walked with their initializers.
  bool VisitLambdaExpr(clang::LambdaExpr* lambda) {
    for (const clang::LambdaCapture& capture : lambda->captures()) {
      if (capture.isExplicit() && capture.capturesVariable()) captured.insert(capture.getCapturedVar());
    }
    return true;
  }
  std::set<const clang::ValueDecl*> captured;  // by name

 private:
  Knowledge::Uses& uses_;
};

bool HasLabel(const clang::Stmt* statement) {
  if (statement == nullptr) return false;
  if (isa<clang::LabelStmt, clang::SwitchCase>(statement)) return true;
  if (isa<clang::SwitchStmt>(statement)) return false;  // its labels are its own; gotos into it are rare enough
  return std::any_of(statement->child_begin(), statement->child_end(), HasLabel);
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      char octal[5];
      std::snprintf(octal, sizeof octal, "\\%03o", byte);
      quoted += octal;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

// Of what a literal becomes one by itself, and nothing else could be meant.
bool TakesLiteral(clang::QualType type) {
  type = type.getNonReferenceType();
  return type->getContainedAutoType() == nullptr && (type->isArithmeticType() || IsText(type));
}

// As it is written where nothing else says of which type it is to be.
std::string BareLiteral(const Known& known) {
  switch (known.kind) {
    case Known::Kind::kBool:
      return known.truth ? "true" : "false";
    case Known::Kind::kInt:
      return std::to_string(known.whole);
    case Known::Kind::kDouble: {
      std::string text = ToJson(Value(known.number));
      if (text.find_first_of(".eE") == std::string::npos) text += ".0";
      return text;
    }
    case Known::Kind::kText:
      return Quoted(known.text);
    case Known::Kind::kEnumerator:
      return known.enumerator;
  }
  return "";
}

// Of this very type; nullopt: there is none.
std::optional<std::string> LiteralOf(const Known& known, clang::QualType type, const clang::ASTContext& context) {
  type = type.getCanonicalType().getUnqualifiedType();
  const std::string bare = BareLiteral(known), name = type.getAsString(context.getPrintingPolicy());
  const auto if_so = [&](bool is_of_it) { return is_of_it ? std::optional(bare) : std::nullopt; };
  switch (known.kind) {
    case Known::Kind::kBool:
      return if_so(type->isBooleanType());
    case Known::Kind::kInt:
      if (type == context.IntTy) return bare;
      if (type == context.getIntTypeForBitwidth(64, true)) return "std::int64_t{" + bare + "}";
      if (!type->isIntegerType() || type->isEnumeralType()) return std::nullopt;
      return "static_cast<" + name + ">(" + bare + ")";
    case Known::Kind::kDouble:
      return if_so(type->isSpecificBuiltinType(clang::BuiltinType::Double));
    case Known::Kind::kText:
      if (name == "std::basic_string<char>") return "std::string(" + bare + ")";
      if (name == "std::basic_string_view<char>") return "std::string_view(" + bare + ")";
      return std::nullopt;
    case Known::Kind::kEnumerator:
      return if_so(type->isEnumeralType());
  }
  return std::nullopt;
}

// Without what the compiler has added.
const clang::Expr* Written(const clang::Expr* expression) {
  while (true) {
    const clang::Expr* inner = expression->IgnoreImplicit();
    if (const auto* made = dyn_cast<clang::CXXConstructExpr>(inner);
        made != nullptr && made->getParenOrBraceRange().isInvalid() && made->getNumArgs() >= 1 &&
        !isa<clang::CXXTemporaryObjectExpr>(made) &&
        (made->getNumArgs() == 1 || isa<clang::CXXDefaultArgExpr>(made->getArg(1)))) {
      inner = made->getArg(0);
    }
    if (const auto* call = dyn_cast<clang::CXXMemberCallExpr>(inner);
        call != nullptr && isa_and_nonnull<clang::CXXConversionDecl>(call->getMethodDecl()) &&
        call->getExprLoc() == call->getImplicitObjectArgument()->getExprLoc()) {
      inner = call->getImplicitObjectArgument();
    }
    if (inner == expression) return expression;
    expression = inner;
  }
}

bool IsPrimary(const clang::Expr* expression) {
  const clang::Expr* bare = Written(expression);
  if (isa<clang::CXXOperatorCallExpr>(bare)) {
    const auto operation = dyn_cast<clang::CXXOperatorCallExpr>(bare)->getOperator();
    return operation == clang::OO_Call || operation == clang::OO_Subscript;
  }
  if (const auto* unary = dyn_cast<clang::UnaryOperator>(bare)) return unary->getOpcode() == clang::UO_LNot;
  return isa<clang::DeclRefExpr, clang::CallExpr, clang::MemberExpr, clang::CXXBoolLiteralExpr, clang::IntegerLiteral,
             clang::StringLiteral, clang::ParenExpr, clang::CXXThisExpr, clang::ArraySubscriptExpr>(bare);
}

// ---- One translation unit
// --------------------------------------------------------------------------------------------

// Where a statement stands.
struct Where {
  const clang::CompoundStmt* block = nullptr;  // directly in it
  const clang::Stmt* owner = nullptr;          // of the block: a function's body has none
  const clang::Stmt* scope = nullptr;          // in which names of the block are seen once braces are gone
  bool is_tail = true;                         // the block ends where that does
  const clang::Stmt* before_else = nullptr;    // it is the else of an if with this branch
  bool has_else_behind = false;                // it is the branch of an if that goes on with an else
};

class Folder : public clang::RecursiveASTVisitor<Folder> {
 public:
  Folder(clang::ASTContext& context, const Request& request, const Names& names)
      : context_(context),
        request_(request),
        names_(names),
        sources_(context, request),
        knowledge_(context, request, names, uses_) {}

  UnitResult Run() {
    const std::vector<clang::Decl*> own = OwnDeclarations(context_, sources_);
    context_.setTraversalScope(own);
    UsesOfVariables uses(uses_);
    for (clang::Decl* decl : own) uses.TraverseDecl(decl);
    captured_ = std::move(uses.captured);
    for (clang::Decl* decl : own) TraverseDecl(decl);
    SettleVariables();
    SettleConstants();
    is_gathering_ = true;
    for (clang::Decl* decl : own) TraverseDecl(decl);
    return std::move(result_);
  }

  // ---- What RecursiveASTVisitor meets ----------------------------------------------------------------------------

  bool VisitFunctionDecl(clang::FunctionDecl* function) {
    if (is_gathering_ || function->isTemplated() || sources_.FileOf(function->getLocation()).empty()) return true;
    for (const clang::ParmVarDecl* parameter : function->parameters()) {
      if (parameter->hasDefaultArg() && !parameter->hasUnparsedDefaultArg() &&
          !parameter->hasUninstantiatedDefaultArg()) {
        Expression(parameter->getDefaultArg());
      }
    }
    if (!function->doesThisDeclarationHaveABody() || IsOfLambda(function)) return true;
    if (const auto* constructor = dyn_cast<clang::CXXConstructorDecl>(function)) Initializers(constructor);
    function_ = function;
    returns_typed_ = TakesLiteral(function->getReturnType());
    Statement(function->getBody(), {});
    function_ = nullptr;
    NoteConstant(function);
    return true;
  }

  bool VisitVarDecl(clang::VarDecl* variable) {
    if (is_gathering_ || variable->isLocalVarDeclOrParm() || variable->isTemplated() ||
        sources_.FileOf(variable->getLocation()).empty()) {
      return true;
    }
    if (variable->getInit() == nullptr || !variable->hasInit()) {
      if (Knowledge::IsHandleType(variable->getType()) && knowledge_.IsHandle(variable)) NoteHandle(variable);
      return true;
    }
    if (knowledge_.HandleOf(variable->getInit()) != nullptr) {
      NoteHandle(variable);
    } else {
      Expression(variable->getInit(), TakesLiteral(variable->getType()));
      NoteStored(variable, variable->getInit());
    }
    return true;
  }

  bool VisitFieldDecl(clang::FieldDecl* field) {
    if (is_gathering_ || field->isTemplated() || sources_.FileOf(field->getLocation()).empty()) return true;
    if (knowledge_.IsHandle(field)) NoteHandle(field);
    if (field->hasInClassInitializer() && field->getInClassInitializer() != nullptr &&
        knowledge_.HandleOf(field->getInClassInitializer()) == nullptr) {
      Expression(field->getInClassInitializer(), TakesLiteral(field->getType()));
      NoteStored(field, field->getInClassInitializer());
    }
    return true;
  }

  // ---- What mentions the flag ------------------------------------------------------------------------------------

  bool VisitStringLiteral(clang::StringLiteral* literal) {
    if (!is_gathering_ || !literal->isOrdinary() || literal->getString() != request_.key) return true;
    Gather(literal->getBeginLoc(), literal->getEndLoc(), OfLiteral(literal));
    return true;
  }
  bool VisitDeclRefExpr(clang::DeclRefExpr* use) {
    if (is_gathering_) GatherUse(use->getDecl(), use->getBeginLoc(), use->getEndLoc());
    return true;
  }
  bool VisitMemberExpr(clang::MemberExpr* use) {
    if (is_gathering_) GatherUse(use->getMemberDecl(), use->getMemberLoc(), use->getMemberLoc());
    return true;
  }
  bool VisitUnresolvedLookupExpr(clang::UnresolvedLookupExpr* use) {
    if (!is_gathering_) return true;
    for (const clang::NamedDecl* decl : use->decls()) {
      const auto* made_of = dyn_cast<clang::FunctionTemplateDecl>(decl->getUnderlyingDecl());
      if (made_of == nullptr || !Knowledge::IsGenerated(sources_.manager(), made_of->getLocation())) continue;
      if (names_.spoken.count(made_of->getNameAsString()) == 0) continue;
      Mention mention;
      mention.is_read = true;
      mention.why = "a template reads it";
      Gather(use->getBeginLoc(), use->getEndLoc(), mention);
    }
    return true;
  }

 private:
  static bool IsOfLambda(const clang::FunctionDecl* function) {
    const auto* method = dyn_cast<clang::CXXMethodDecl>(function);
    return method != nullptr && method->getParent()->isLambda();
  }

  // ---- Edits -----------------------------------------------------------------------------------------------------

  std::string_view TextOf(const Range& range, const clang::Stmt* at) const {
    return sources_.TextAt(at->getBeginLoc()).substr(range.begin, range.end - range.begin);
  }

  // Why what lies within stays as it is; told of each read in it.
  void Refuse(const clang::Stmt* statement, std::string why) {
    const clang::SourceManager& manager = sources_.manager();
    const std::string file = sources_.FileOf(statement->getBeginLoc());
    if (file.empty()) return;
    refusals_.push_back({Range{file, sources_.Offset(statement->getBeginLoc()),
                               sources_.Offset(manager.getExpansionRange(statement->getEndLoc()).getEnd()) + 1},
                         std::move(why)});
  }

  void Delete(const Range& range) { result_.edits[range.file].Delete(range.begin, range.end); }
  void Replace(const Range& range, std::string text) {
    result_.edits[range.file].Replace(range.begin, range.end, std::move(text));
  }
  void DeleteStatement(const Range& range, std::string_view text) {
    const Edit edit = WholeStatement(text, range.begin, range.end);
    result_.edits[range.file].Delete(edit.begin, edit.end);
  }
  void Folded(const Range& range) { result_.folds.insert({range.file, range.begin}); }

  // Lines after the first of [begin, end).
  void Outdent(const Range& range, std::string_view text, std::size_t columns) {
    if (columns == 0) return;
    for (std::size_t line = LineEnd(text, range.begin) + 1; line < range.end; line = LineEnd(text, line) + 1) {
      const std::size_t first = text.find_first_not_of(" \t", line);
      if (first == std::string_view::npos || first >= range.end || text[first] == '#') continue;
      if (IsInLiteral(range.file, line)) continue;
      result_.edits[range.file].Outdent(line, columns);
    }
  }

  // Lines within a text that spans some are no code.
  bool IsInLiteral(const std::string& file, std::size_t line) {
    auto found = long_literals_.find(file);
    if (found == long_literals_.end()) {
      found = long_literals_.emplace(file, std::vector<Range>()).first;
      const clang::FileEntry* entry = nullptr;
      if (auto known = sources_.manager().getFileManager().getFile(file)) entry = *known;
      const clang::FileID id = entry == nullptr ? clang::FileID() : sources_.manager().translateFile(entry);
      if (id.isValid()) {
        clang::Lexer lexer(id, sources_.manager().getBufferOrFake(id), sources_.manager(), context_.getLangOpts());
        clang::Token token;
        while (!lexer.LexFromRawLexer(token)) {
          if (!token.is(clang::tok::string_literal)) continue;
          const std::size_t begin = sources_.Offset(token.getLocation());
          const std::string_view text = sources_.TextAt(token.getLocation()).substr(begin, token.getLength());
          if (text.find('\n') != std::string_view::npos) {
            found->second.push_back(Range{file, begin, begin + token.getLength()});
          }
        }
      }
    }
    return std::any_of(found->second.begin(), found->second.end(),
                       [&](const Range& range) { return range.begin < line && line < range.end; });
  }

  // ---- Expressions -----------------------------------------------------------------------------------------------

  bool IsIdentity(const std::optional<Known>& side, const clang::BinaryOperator* binary) const {
    return side && side->of_flag && side->effects.empty() && side->Truth() == (binary->getOpcode() == clang::BO_LAnd);
  }

  // What is left of it when known parts go.
  const clang::Expr* Remaining(const clang::Expr* expression) {
    const clang::Expr* bare = Written(expression);
    if (const auto* binary = dyn_cast<clang::BinaryOperator>(bare); binary != nullptr && binary->isLogicalOp()) {
      if (IsIdentity(knowledge_.Evaluate(binary->getLHS()), binary)) return Remaining(binary->getRHS());
      if (IsIdentity(knowledge_.Evaluate(binary->getRHS()), binary)) return Remaining(binary->getLHS());
    }
    if (const auto* choice = dyn_cast<clang::ConditionalOperator>(bare)) {
      if (const clang::Expr* chosen = Chosen(choice)) return Remaining(chosen);
    }
    if (const auto* paren = dyn_cast<clang::ParenExpr>(bare)) {
      const clang::Expr* inner = Remaining(paren->getSubExpr());
      if (inner != Written(paren->getSubExpr()) && IsPrimary(inner)) return inner;
    }
    return bare;
  }

  // The side of a ternary that survives, where that is of the same type; null: neither.
  const clang::Expr* Chosen(const clang::ConditionalOperator* choice) {
    const std::optional<Known> condition = knowledge_.Evaluate(choice->getCond());
    if (!condition || !condition->of_flag || !condition->effects.empty() || !condition->Truth()) return nullptr;
    const clang::Expr* chosen = *condition->Truth() ? choice->getTrueExpr() : choice->getFalseExpr();
    const clang::Expr* side = Written(chosen->IgnoreParens());
    const clang::QualType of_side = side->getType(), of_both = choice->getType();
    const bool decays = of_side->isArrayType() && !of_both->isArrayType();
    const clang::QualType decayed = decays ? context_.getArrayDecayedType(of_side) : of_side;
    if (decayed.getCanonicalType().getUnqualifiedType() != of_both.getCanonicalType().getUnqualifiedType()) {
      return nullptr;
    }
    if (side->isGLValue() && IsTypeTold(choice, decays)) return nullptr;
    if (choice->isPRValue()) {
      if (!side->isGLValue() || decays) return chosen;
      if (IsKept(choice)) return nullptr;
      return !of_side.isConstQualified() && IsChoiceOfOverload(choice) ? nullptr : chosen;
    }
    const bool is_same = of_side.getCanonicalType().getQualifiers() == of_both.getCanonicalType().getQualifiers();
    return is_same || !IsChoiceOfOverload(choice) ? chosen : nullptr;
  }

  // Whether more of it is asked than its value: of which type it is, and what kind of expression; `decays`: a pointer
  // would be an array.
  bool IsTypeTold(const clang::Expr* expression, bool decays) const {
    clang::DynTypedNode node = clang::DynTypedNode::create(*expression);
    while (true) {
      const clang::DynTypedNodeList parents = context_.getParents(node);
      if (parents.size() != 1) return false;
      node = parents[0];
      const auto is_told = [](clang::QualType type) {
        const clang::AutoType* deduced = type->getContainedAutoType();
        return deduced != nullptr && deduced->isDecltypeAuto();
      };
      if (const auto* variable = node.get<clang::VarDecl>()) return is_told(variable->getType());
      if (node.get<clang::ReturnStmt>()) return function_ != nullptr && is_told(function_->getDeclaredReturnType());
      if (decays && (node.get<clang::UnaryExprOrTypeTraitExpr>() || node.get<clang::MaterializeTemporaryExpr>())) {
        return true;
      }
      if (!node.get<clang::Expr>() || node.get<clang::CallExpr>()) return false;
      if (!node.get<clang::ImplicitCastExpr>() && !node.get<clang::ParenExpr>() && !node.get<clang::FullExpr>() &&
          !node.get<clang::MaterializeTemporaryExpr>() && !node.get<clang::CXXBindTemporaryExpr>()) {
        return false;
      }
    }
  }

  // Whether one of the functions of that name could take it to change it, and would be called for it.
  static bool MayBeChanged(const clang::FunctionDecl* called, unsigned at) {
    if (called == nullptr) return true;
    for (const clang::NamedDecl* decl : called->getDeclContext()->lookup(called->getDeclName())) {
      const auto* made_of = dyn_cast<clang::FunctionTemplateDecl>(decl);
      const auto* function = made_of != nullptr ? made_of->getTemplatedDecl() : dyn_cast<clang::FunctionDecl>(decl);
      if (function == nullptr || function->getNumParams() <= at) continue;
      const clang::QualType type = function->getParamDecl(at)->getType();
      if (type->isLValueReferenceType() && !type.getNonReferenceType().isConstQualified()) return true;
      if (type->isRValueReferenceType() && made_of != nullptr) return true;
    }
    return false;
  }

  // Whether something else could be called for what may be changed.
  bool IsChoiceOfOverload(const clang::Expr* expression) const {
    clang::DynTypedNode node = clang::DynTypedNode::create(*expression);
    while (true) {
      const auto* last = node.get<clang::Expr>();
      const clang::DynTypedNodeList parents = context_.getParents(node);
      if (parents.size() != 1) return true;
      node = parents[0];
      const auto is_changed = [&](const auto* call, const clang::FunctionDecl* function) {
        for (unsigned i = 0; i < call->getNumArgs(); ++i) {
          if (call->getArg(i) == last) return MayBeChanged(function, i);
        }
        return true;
      };
      if (const auto* cast = node.get<clang::ImplicitCastExpr>()) {
        if (cast->getCastKind() == clang::CK_LValueToRValue) return false;
      } else if (const auto* member = node.get<clang::MemberExpr>()) {
        const auto* method = dyn_cast<clang::CXXMethodDecl>(member->getMemberDecl());
        if (method == nullptr) return true;
        return !isa<clang::CXXConversionDecl>(method) &&
               !method->getParent()->lookup(method->getDeclName()).isSingleResult();
      } else if (const auto* made = node.get<clang::CXXConstructExpr>()) {
        return !made->getConstructor()->isCopyOrMoveConstructor() && is_changed(made, made->getConstructor());
      } else if (node.get<clang::CXXOperatorCallExpr>()) {
        return false;
      } else if (const auto* call = node.get<clang::CallExpr>()) {
        return is_changed(call, call->getDirectCallee());
      } else if (!node.get<clang::ParenExpr>() && !node.get<clang::FullExpr>() &&
                 !node.get<clang::MaterializeTemporaryExpr>() && !node.get<clang::CXXBindTemporaryExpr>()) {
        return expression->isGLValue();
      }
    }
  }

  // A reference is bound to the value: a copy, which nobody else changes.
  bool IsKept(const clang::Expr* expression) const {
    clang::DynTypedNode node = clang::DynTypedNode::create(*expression);
    while (true) {
      const clang::DynTypedNodeList parents = context_.getParents(node);
      if (parents.size() != 1) return false;
      node = parents[0];
      if (const auto* made = node.get<clang::MaterializeTemporaryExpr>()) {
        const bool is_read = made->isBoundToLvalueReference() || made->getType().isConstQualified();
        return made->getStorageDuration() != clang::SD_FullExpression || !is_read;
      }
      if (!node.get<clang::ImplicitCastExpr>() && !node.get<clang::ParenExpr>() &&
          !node.get<clang::CXXBindTemporaryExpr>()) {
        return false;
      }
    }
  }

  // Parentheses around all of a condition mean nothing once something beside them is gone.
  void TopExpression(const clang::Expr* expression) {
    if (expression == nullptr) return;
    Expression(expression);
    const clang::Expr* left = Remaining(expression);
    const auto* paren = dyn_cast<clang::ParenExpr>(left);
    if (paren == nullptr || left == Written(expression)) return;
    DropParentheses(paren);
  }

  // Of `sizeof(…)`, which reads as nothing without them.
  bool IsOfTrait(const clang::ParenExpr* paren) const {
    const clang::DynTypedNodeList parents = context_.getParents(*paren);
    return parents.size() == 1 && parents[0].get<clang::UnaryExprOrTypeTraitExpr>() != nullptr;
  }

  void DropParentheses(const clang::ParenExpr* paren) {
    if (IsOfTrait(paren)) return;
    const std::optional<Range> open = sources_.Of(paren->getLParen(), paren->getLParen());
    const std::optional<Range> close = sources_.Of(paren->getRParen(), paren->getRParen());
    if (!open || !close) return;
    Delete(*open);
    Delete(*close);
  }

  // `bare`: a literal is of the right type by itself there.
  void Expression(const clang::Expr* expression, bool bare = false) {
    if (expression == nullptr || isa<clang::CXXDefaultArgExpr, clang::CXXDefaultInitExpr>(expression)) return;
    const clang::Expr* written = Written(expression);
    if (const auto* list = dyn_cast<clang::InitListExpr>(written); list != nullptr && list->isSemanticForm()) {
      if (const clang::InitListExpr* syntactic = list->getSyntacticForm()) written = syntactic;
    }
    if (const std::optional<Known> known = knowledge_.Evaluate(written); known && known->of_flag) {
      if (Inline(written, *known, bare)) return;
    }
    if (const auto* lambda = dyn_cast<clang::LambdaExpr>(written)) {
      for (const clang::Expr* initializer : lambda->capture_inits()) {
        if (initializer != nullptr && !isa<clang::DeclRefExpr>(initializer->IgnoreImplicit())) Expression(initializer);
      }
      if (lambda->isGenericLambda()) return;
      const clang::FunctionDecl* around = function_;
      const bool returns_typed = returns_typed_;
      function_ = lambda->getCallOperator();
      returns_typed_ = lambda->hasExplicitResultType() && TakesLiteral(function_->getReturnType());
      Statement(lambda->getBody(), {});
      function_ = around;
      returns_typed_ = returns_typed;
      return;
    }
    if (const auto* binary = dyn_cast<clang::BinaryOperator>(written); binary != nullptr && binary->isLogicalOp()) {
      return Logical(binary);
    }
    if (const auto* choice = dyn_cast<clang::ConditionalOperator>(written)) return Choice(choice, bare);
    if (const auto* paren = dyn_cast<clang::ParenExpr>(written)) {
      const clang::Expr* inner = Remaining(paren->getSubExpr());
      Expression(paren->getSubExpr(), bare);
      if (inner != Written(paren->getSubExpr()) && IsPrimary(inner) && !isa<clang::ParenExpr>(inner)) {
        DropParentheses(paren);
      }
      return;
    }
    for (const clang::Stmt* child : written->children()) {
      if (const auto* below = dyn_cast_or_null<clang::Expr>(child)) {
        Expression(below);
      } else if (child != nullptr) {
        Statement(child, {});
      }
    }
  }

  // Whether nothing within is to be looked at any more.
  bool Inline(const clang::Expr* written, const Known& known, bool bare) {
    if (!known.effects.empty()) {
      if (isa<clang::BinaryOperator>(written->IgnoreParens())) return false;  // a part of it can be written
      Refuse(written, "a call in it may do something, and stands where no statement can");
      return true;
    }
    const bool is_name = isa<clang::DeclRefExpr>(written);
    if (is_name && known.kind != Known::Kind::kBool) return true;  // a name tells more than a number
    if (is_name && !IsLoaded(written)) return true;                // its address is used
    const bool is_read = isa<clang::CallExpr, clang::MemberExpr, clang::ConditionalOperator>(written);
    if (known.kind != Known::Kind::kBool && !is_read) return false;
    if (const auto* choice = dyn_cast<clang::ConditionalOperator>(written)) {
      // The side is taken as it is written, if it is of the same type.
      if (Chosen(choice) != nullptr || !choice->isPRValue()) return false;
    }
    const std::optional<Range> range = sources_.Of(written);
    if (!range) return true;
    const std::optional<std::string> literal =
        bare ? BareLiteral(known) : LiteralOf(known, written->getType(), context_);
    if (!literal) {
      if (isa<clang::ConditionalOperator>(written)) return false;
      Refuse(written, "what it gives is of a type that has no literal");
      return true;
    }
    const auto* paren = dyn_cast<clang::ParenExpr>(written);
    Replace(*range, paren != nullptr && IsOfTrait(paren) ? "(" + *literal + ")" : *literal);
    return true;
  }

  bool IsLoaded(const clang::Expr* name) const {
    const clang::DynTypedNodeList parents = context_.getParents(*name);
    const auto* cast = parents.size() == 1 ? parents[0].get<clang::ImplicitCastExpr>() : nullptr;
    return cast != nullptr && cast->getCastKind() == clang::CK_LValueToRValue;
  }

  void Logical(const clang::BinaryOperator* binary) {
    const clang::Expr *left = binary->getLHS(), *right = binary->getRHS();
    const bool keeps_right = IsIdentity(knowledge_.Evaluate(left), binary);
    const bool keeps_left = !keeps_right && IsIdentity(knowledge_.Evaluate(right), binary);
    const std::optional<Range> left_range = sources_.Of(left), right_range = sources_.Of(right);
    if ((!keeps_left && !keeps_right) || !left_range || !right_range) {
      Expression(left);
      Expression(right);
      return;
    }
    const clang::Expr* kept = keeps_left ? left : right;
    const std::optional<Range>& kept_range = keeps_left ? left_range : right_range;
    const std::string_view text = sources_.TextAt(binary->getBeginLoc());
    const Range gone = keeps_left ? Range{left_range->file, left_range->end, right_range->end}
                                  : Range{left_range->file, left_range->begin, right_range->begin};
    if (HasDirective(text, gone.begin, gone.end)) {
      Refuse(binary, "a directive of the preprocessor lies in it");
      return;
    }
    if (!Written(kept)->getType()->isBooleanType() && !IsCondition(binary)) {
      // It was a boolean by standing there.
      if (Remaining(kept) != Written(kept)) {
        Refuse(binary, "what is left of it is no boolean by itself");
        return;
      }
      const std::string whole(text.substr(kept_range->begin, kept_range->end - kept_range->begin));
      Delete(gone);
      written_back_.push_back(*kept_range);
      return Replace(*kept_range, "static_cast<bool>(" + whole + ")");
    }
    Delete(gone);
    Expression(kept);
  }

  // Whether it decides what a statement does, so that anything that can be a boolean is one.
  bool IsCondition(const clang::Expr* expression) const {
    clang::DynTypedNode node = clang::DynTypedNode::create(*expression);
    while (true) {
      const clang::DynTypedNodeList parents = context_.getParents(node);
      if (parents.size() != 1) return false;
      if (parents[0].get<clang::IfStmt>() || parents[0].get<clang::WhileStmt>() || parents[0].get<clang::ForStmt>() ||
          parents[0].get<clang::DoStmt>()) {
        return true;
      }
      const auto* binary = parents[0].get<clang::BinaryOperator>();
      const bool goes_on = parents[0].get<clang::ImplicitCastExpr>() || parents[0].get<clang::ParenExpr>() ||
                           parents[0].get<clang::ExprWithCleanups>() || (binary != nullptr && binary->isLogicalOp());
      if (!goes_on) return false;
      node = parents[0];
    }
  }

  void Choice(const clang::ConditionalOperator* choice, bool bare) {
    const std::optional<Known> condition = knowledge_.Evaluate(choice->getCond());
    const clang::Expr* chosen = Chosen(choice);
    const std::optional<Range> whole = sources_.Of(choice);
    const std::optional<Range> range = chosen == nullptr ? std::nullopt : sources_.Of(chosen);
    if (condition && condition->of_flag && (!whole || !range || !condition->effects.empty())) {
      const clang::Expr* side = condition->Truth().value_or(true) ? choice->getTrueExpr() : choice->getFalseExpr();
      const bool decays = Written(side->IgnoreParens())->getType()->isArrayType();
      Refuse(choice, !condition->effects.empty()  ? "a call in it may do something, and stands where no statement can"
                     : IsKept(choice)             ? "a reference is bound to what ?: gives"
                     : IsTypeTold(choice, decays) ? "more than the value of ?: is asked: of which type it is"
                                                  : "the side of ?: that stays is of another type, or made by a macro");
      return;
    }
    if (!range) {
      for (const clang::Stmt* child : choice->children()) Expression(dyn_cast_or_null<clang::Expr>(child));
      return;
    }
    const std::string_view text = sources_.TextAt(choice->getBeginLoc());
    if (HasDirective(text, whole->begin, range->begin) || HasDirective(text, range->end, whole->end)) {
      Refuse(choice, "a directive of the preprocessor lies in it");
      return;
    }
    const auto* binary = dyn_cast<clang::BinaryOperator>(Written(chosen));
    const bool is_loose = binary != nullptr && (binary->isAssignmentOp() || binary->getOpcode() == clang::BO_Comma);
    Replace({whole->file, whole->begin, range->begin}, is_loose ? "(" : "");
    Replace({whole->file, range->end, whole->end}, is_loose ? ")" : "");
    Folded(*whole);
    Expression(chosen, bare);
  }

  // ---- Statements ------------------------------------------------------------------------------------------------

  void Statement(const clang::Stmt* statement, const Where& where) {
    if (statement == nullptr) return;
    if (const auto* block = dyn_cast<clang::CompoundStmt>(statement)) return Block(block, where.owner);
    if (const auto* branch = dyn_cast<clang::IfStmt>(statement)) return If(branch, where);
    if (const auto* declared = dyn_cast<clang::DeclStmt>(statement)) return Declared(declared, where);
    if (const auto* loop = dyn_cast<clang::WhileStmt>(statement)) return While(loop, where);
    if (const auto* choice = dyn_cast<clang::SwitchStmt>(statement)) return Switch(choice, where);
    if (const auto* loop = dyn_cast<clang::DoStmt>(statement)) {
      Below(loop->getBody(), loop, false);
      return TopExpression(loop->getCond());
    }
    if (const auto* loop = dyn_cast<clang::ForStmt>(statement)) {
      Header(loop->getInit());
      if (const clang::VarDecl* variable = loop->getConditionVariable()) {
        Expression(variable->getInit());
      } else {
        TopExpression(loop->getCond());
      }
      Expression(loop->getInc());
      return Below(loop->getBody(), loop, where.has_else_behind);
    }
    if (const auto* each = dyn_cast<clang::CXXForRangeStmt>(statement)) {
      Header(each->getInit());
      Expression(each->getRangeInit());
      return Below(each->getBody(), each, where.has_else_behind);
    }
    if (const auto* given = dyn_cast<clang::ReturnStmt>(statement)) {
      return ReturnOf(given, returns_typed_);
    }
    if (const auto* expression = dyn_cast<clang::Expr>(statement)) return Alone(expression, where);
    for (const clang::Stmt* child : statement->children()) Below(child, statement, where.has_else_behind);
  }

  // What a loop declares stays.
  void Header(const clang::Stmt* init) {
    const auto* declared = dyn_cast_or_null<clang::DeclStmt>(init);
    if (declared == nullptr) return Statement(init, {});
    for (const clang::Decl* decl : declared->decls()) {
      const auto* variable = dyn_cast<clang::VarDecl>(decl);
      if (variable == nullptr) continue;
      Expression(variable->getInit(), TakesLiteral(variable->getType()));
      NoteStored(variable, variable->getInit());
    }
  }

  void Below(const clang::Stmt* statement, const clang::Stmt* owner, bool has_else_behind) {
    Where where;
    where.has_else_behind = has_else_behind;
    where.owner = owner;
    Statement(statement, where);
  }

  void ReturnOf(const clang::ReturnStmt* given, bool is_typed) {
    const clang::Expr* value = given->getRetValue();
    if (value == nullptr) return;
    Expression(value, is_typed);
    const clang::Expr* left = Remaining(value);
    if (const auto* paren = dyn_cast<clang::ParenExpr>(left); paren != nullptr && left != Written(value)) {
      DropParentheses(paren);
    }
  }

  // An expression that is a statement.
  void Alone(const clang::Expr* expression, const Where& where) {
    const std::optional<Known> known = knowledge_.Evaluate(expression);
    if (!known || !known->of_flag || isa<clang::BinaryOperator>(Written(expression))) return Expression(expression);
    const std::optional<Range> range = sources_.OfWhole(expression);
    if (!range) return;
    const std::string_view text = sources_.TextAt(expression->getBeginLoc());
    const std::optional<std::string> effects = TextOfEffects(*known, Indent(text, range->begin), expression);
    if (!effects) return;
    if (where.block == nullptr) return Replace(*range, "{ " + *effects + "}");
    if (effects->empty()) return DeleteStatement(*range, text);
    Replace(*range, effects->substr(0, effects->find_last_not_of(" \n") + 1));
  }

  // Statements of what has to be run, each with the line break and the blanks behind it; nullopt: refused.
  std::optional<std::string> TextOfEffects(const Known& known, std::size_t indent, const clang::Stmt* of) {
    std::string text;
    for (const clang::Expr* effect : known.effects) {
      const std::optional<Range> range = sources_.Of(effect);
      if (!range || MentionsFlag(effect)) {
        Refuse(of, "a call in it may do something, and cannot be told from the read");
        return std::nullopt;
      }
      const std::string written(TextOf(*range, effect));
      written_back_.push_back(*range);
      const clang::Expr* bare = Written(effect)->IgnoreParens();
      const bool is_call = isa<clang::CallExpr>(bare) && !isa<clang::CXXOperatorCallExpr>(bare);
      const auto* call = dyn_cast<clang::CallExpr>(bare);
      const bool is_quiet = is_call && call->getUnusedResultAttr(context_) == nullptr;
      text += (is_quiet ? written : "static_cast<void>(" + written + ")") + ";\n" + std::string(indent, ' ');
    }
    return text;
  }

  bool MentionsFlag(const clang::Stmt* statement) {
    if (statement == nullptr) return false;
    if (const auto* expression = dyn_cast<clang::Expr>(statement)) {
      const std::optional<Known> known = knowledge_.Evaluate(expression);
      if (known && known->of_flag) return true;
    }
    return std::any_of(statement->child_begin(), statement->child_end(),
                       [&](const clang::Stmt* child) { return MentionsFlag(child); });
  }

  // ---- Blocks: what comes after the end is dead -------------------------------------------------------------------

  // Whether nothing behind it is reached; `folded`: with the branches that survive alone.
  bool Ends(const clang::Stmt* statement, bool folded) {
    if (statement == nullptr) return false;
    if (isa<clang::ReturnStmt, clang::BreakStmt, clang::ContinueStmt, clang::GotoStmt, clang::CoreturnStmt>(
            statement)) {
      return true;
    }
    if (const auto* expression = dyn_cast<clang::Expr>(statement)) {
      return isa<clang::CXXThrowExpr>(expression->IgnoreImplicit());
    }
    if (const auto* block = dyn_cast<clang::CompoundStmt>(statement)) {
      if (HasLabel(block)) return false;  // somebody may come in behind the end
      return std::any_of(block->body_begin(), block->body_end(),
                         [&](const clang::Stmt* child) { return Ends(child, folded); });
    }
    if (const auto* marked = dyn_cast<clang::AttributedStmt>(statement)) return Ends(marked->getSubStmt(), folded);
    if (const auto* section = dyn_cast<clang::SwitchCase>(statement)) return Ends(section->getSubStmt(), folded);
    if (const auto* choice = dyn_cast<clang::SwitchStmt>(statement)) {
      const auto section = sections_.find(choice);
      return folded && section != sections_.end() &&
             std::any_of(section->second.begin(), section->second.end(),
                         [&](const clang::Stmt* child) { return Ends(child, true); });
    }
    if (const auto* branch = dyn_cast<clang::IfStmt>(statement)) {
      if (folded && folded_.count(branch) != 0) return Ends(Taken(branch), folded);
      return Ends(branch->getThen(), folded) && Ends(branch->getElse(), folded);
    }
    return false;
  }

  const clang::Stmt* Taken(const clang::IfStmt* branch) {
    const std::optional<Known> known = knowledge_.Evaluate(branch->getCond());
    return known && *known->Truth() ? branch->getThen() : branch->getElse();
  }

  void Block(const clang::CompoundStmt* block, const clang::Stmt* owner) {
    Where where;
    where.block = block;
    where.owner = owner;
    where.scope = owner != nullptr ? owner : block;
    Children(block, where);
  }

  void Children(const clang::CompoundStmt* block, const Where& where) {
    const clang::Stmt* const* children = block->body_begin();
    for (std::size_t i = 0, count = block->size(); i < count; ++i) {
      Statement(children[i], where);
      if (i + 1 < count && Ends(children[i], true) && !Ends(children[i], false)) {
        i += DropRest(block, children[i], {children + i + 1, children + count});
      }
    }
  }

  // How many of these statements are gone: those up to the next label of a switch, or none.
  std::size_t DropRest(const clang::CompoundStmt* block, const clang::Stmt* last,
                       std::vector<const clang::Stmt*> rest) {
    const std::optional<Range> end = sources_.OfWhole(last), whole = sources_.Of(block);
    const auto label =
        std::find_if(rest.begin(), rest.end(), [](const clang::Stmt* child) { return isa<clang::SwitchCase>(child); });
    const std::size_t limit =
        label == rest.end() || !whole ? std::string::npos : sources_.Offset((*label)->getBeginLoc());
    rest.erase(label, rest.end());
    if (!end || !whole || rest.empty() || std::any_of(rest.begin(), rest.end(), HasLabel)) return 0;
    const std::string_view text = sources_.TextAt(block->getBeginLoc());
    std::size_t begin = LineEnd(text, end->end);  // with a comment behind it
    const std::size_t first = sources_.Offset(rest.front()->getBeginLoc());
    if (begin > first) begin = end->end;
    const std::size_t stop = text.find_last_not_of(" \t\r\n", std::min(whole->end - 1, limit) - 1) + 1;
    if (stop <= begin || HasDirective(text, begin, stop)) return 0;
    Delete({whole->file, begin, stop});
    return rest.size();
  }

  // ---- if --------------------------------------------------------------------------------------------------------

  void If(const clang::IfStmt* branch, const Where& where) {
    const clang::VarDecl* condition_variable = branch->getConditionVariable();
    const std::optional<Known> known = condition_variable != nullptr ? knowledge_.OfVariable(condition_variable)
                                                                     : knowledge_.Evaluate(branch->getCond());
    if (known && known->of_flag && known->Truth() && !branch->isConstexpr() && !branch->isConsteval()) {
      if (FoldIf(branch, *known, where)) return;
      // Refused: nothing of the condition is touched; its branches are.
      Branches(branch);
      return;
    }
    Statement(branch->getInit(), {});
    if (condition_variable != nullptr) {
      Expression(condition_variable->getInit());
    } else {
      TopExpression(branch->getCond());
    }
    Branches(branch);
  }

  void Branches(const clang::IfStmt* branch) {
    Where then;
    then.owner = branch;
    then.has_else_behind = branch->getElse() != nullptr;
    Statement(branch->getThen(), then);
    Where otherwise;
    otherwise.owner = branch;
    otherwise.before_else = branch->getThen();
    Statement(branch->getElse(), otherwise);
  }

  // Whether a variable of the if's own header may go with it: nothing that stays needs it.
  bool MayGo(const clang::VarDecl* variable, const clang::Stmt* kept) {
    if (IsSaidElsewhere(variable)) return false;
    const std::optional<Known> known = knowledge_.OfVariable(variable);
    if (!known || !known->effects.empty()) {
      return knowledge_.IsPure(variable->getInit()) && IsFleeting(variable) && !IsUsedIn(variable, kept, true);
    }
    return known->kind == Known::Kind::kBool ? captured_.count(variable) == 0 : !IsUsedIn(variable, kept, false);
  }

  // Types whose end does nothing that anybody waits for.
  bool IsFleeting(clang::QualType type) const {
    const auto* record = context_.getBaseElementType(type)->getAsCXXRecordDecl();
    if (record == nullptr || !record->hasDefinition() || record->hasTrivialDestructor()) return true;
    const std::string name = record->getQualifiedNameAsString();
    for (const char* plain : {"std::basic_string", "std::__cxx11::basic_string", "std::vector", "std::map", "std::set",
                              "std::unordered_map", "std::unordered_set", "std::optional", "std::pair", "std::tuple",
                              "std::deque", "std::list", "std::__cxx11::list"}) {
      if (name != plain) continue;
      const auto* made = dyn_cast<clang::ClassTemplateSpecializationDecl>(record);
      if (made == nullptr) return false;
      for (const clang::TemplateArgument& argument : made->getTemplateArgs().asArray()) {
        if (argument.getKind() == clang::TemplateArgument::Pack) {
          for (const clang::TemplateArgument& one : argument.pack_elements()) {
            if (one.getKind() == clang::TemplateArgument::Type && !IsFleeting(one.getAsType())) return false;
          }
        } else if (argument.getKind() == clang::TemplateArgument::Type && !IsFleeting(argument.getAsType())) {
          return false;
        }
      }
      return true;
    }
    for (const char* ours : {"guidon::Context", "guidon::Value", "guidon::Pin", "guidon::Peek",
                             "guidon::EvaluationDetail", "guidon::Flag"}) {
      if (name == ours) return true;
    }
    return false;
  }

  // Also what its initializer makes, and a reference keeps as long as the variable lives.
  bool IsFleeting(const clang::VarDecl* variable) const {
    return IsFleeting(variable->getType()) && !KeepsMore(variable->getInit());
  }
  bool KeepsMore(const clang::Stmt* statement) const {
    if (statement == nullptr || isa<clang::LambdaExpr>(statement)) return false;
    if (const auto* made = dyn_cast<clang::MaterializeTemporaryExpr>(statement);
        made != nullptr && made->getStorageDuration() != clang::SD_FullExpression && !IsFleeting(made->getType())) {
      return true;
    }
    return std::any_of(statement->child_begin(), statement->child_end(),
                       [&](const clang::Stmt* child) { return KeepsMore(child); });
  }

  // `any`: also where the use would be folded away.
  bool IsUsedIn(const clang::VarDecl* variable, const clang::Stmt* statement, bool any) {
    if (statement == nullptr) return false;
    if (const auto* use = dyn_cast<clang::DeclRefExpr>(statement)) return use->getDecl() == variable;
    if (const auto* expression = dyn_cast<clang::Expr>(statement); expression != nullptr && !any) {
      const std::optional<Known> known = knowledge_.Evaluate(Written(expression));
      if (known && known->of_flag && known->effects.empty() && !isa<clang::DeclRefExpr>(Written(expression)))
        return false;
    }
    if (const auto* lambda = dyn_cast<clang::LambdaExpr>(statement)) return IsUsedIn(variable, lambda->getBody(), any);
    return std::any_of(statement->child_begin(), statement->child_end(),
                       [&](const clang::Stmt* child) { return IsUsedIn(variable, child, any); });
  }

  bool FoldIf(const clang::IfStmt* branch, const Known& known, const Where& where) {
    const auto refuse = [&](const char* why) {
      Refuse(branch->getCond(), why);
      if (branch->getInit() != nullptr) Refuse(branch->getInit(), why);
      if (branch->getConditionVariable() != nullptr) Refuse(branch->getConditionVariableDeclStmt(), why);
      return false;
    };
    const clang::Stmt* taken = *known.Truth() ? branch->getThen() : branch->getElse();
    const clang::Stmt* other = *known.Truth() ? branch->getElse() : branch->getThen();
    while (const auto* marked = dyn_cast_or_null<clang::AttributedStmt>(taken)) taken = marked->getSubStmt();
    const std::optional<Range> whole = sources_.OfWhole(branch);
    const std::optional<Range> kept = taken == nullptr ? std::nullopt : sources_.OfWhole(taken);
    if (!whole || (taken != nullptr && !kept)) return refuse("a macro makes a part of this if");
    if (HasLabel(other)) return refuse("a label lies in the branch that would go");
    const std::string_view text = sources_.TextAt(branch->getBeginLoc());
    const std::size_t kept_begin = kept ? kept->begin : whole->end, kept_end = kept ? kept->end : whole->end;
    if (HasDirective(text, whole->begin, kept_begin) || HasDirective(text, kept_end, whole->end)) {
      return refuse("a directive of the preprocessor lies in what would go");
    }
    // What the header declares.
    std::vector<const clang::VarDecl*> declared;
    if (branch->getConditionVariable() != nullptr) declared.push_back(branch->getConditionVariable());
    if (branch->getInit() != nullptr) {
      const auto* init = dyn_cast<clang::DeclStmt>(branch->getInit());
      if (init == nullptr) {
        if (!isa<clang::NullStmt>(branch->getInit())) return refuse("the first part of this if does something");
      } else {
        for (const clang::Decl* decl : init->decls()) {
          const auto* variable = dyn_cast<clang::VarDecl>(decl);
          if (variable == nullptr) return refuse("the first part of this if declares something else");
          declared.push_back(variable);
        }
      }
    }
    for (const clang::VarDecl* variable : declared) {
      if (!MayGo(variable, taken)) return refuse("a variable of this if is needed in the branch that stays");
    }
    std::string before;
    if (!known.effects.empty()) {
      if (where.block == nullptr || !declared.empty()) {
        return refuse("a call in the condition may do something, and stands where no statement can");
      }
      const std::optional<std::string> effects = TextOfEffects(known, Indent(text, whole->begin), branch->getCond());
      if (!effects) return false;
      before = *effects;
    }
    folded_.insert(branch);
    Folded(*whole);
    Range prefix{whole->file, whole->begin, kept_begin}, suffix{whole->file, kept_end, whole->end};
    const auto* block = dyn_cast_or_null<clang::CompoundStmt>(taken);
    if (taken == nullptr ||
        (block != nullptr && block->body_empty() && IsBareInside(text, *kept) && where.before_else == nullptr)) {
      DropIf(*whole, text, where, before);
      return true;
    }
    if (where.block != nullptr && block != nullptr && MayUnwrap(block, branch, where)) {
      Unwrap(*whole, *kept, text, before);
      Where inside = where;
      inside.is_tail = where.is_tail && where.block->body_back() == branch;
      inside.block = block;
      Children(block, inside);
      return true;
    }
    const bool dangles = where.has_else_behind && EndsWithIf(taken);
    Replace(prefix, before + (dangles ? "{ " : ""));
    if (prefix.end == suffix.begin || suffix.begin < suffix.end || dangles) Replace(suffix, dangles ? " }" : "");
    const std::size_t here = Indent(text, whole->begin), there = Indent(text, kept_begin);
    Outdent(*kept, text, there > here ? there - here : 0);
    Where at = where;
    at.has_else_behind = where.has_else_behind && !dangles;
    Statement(taken, at);
    return true;
  }

  // An else behind it would be read as the else of that.
  static bool EndsWithIf(const clang::Stmt* statement) {
    while (true) {
      if (const auto* loop = dyn_cast<clang::ForStmt>(statement)) {
        statement = loop->getBody();
      } else if (const auto* each = dyn_cast<clang::CXXForRangeStmt>(statement)) {
        statement = each->getBody();
      } else if (const auto* repeat = dyn_cast<clang::WhileStmt>(statement)) {
        statement = repeat->getBody();
      } else if (const auto* label = dyn_cast<clang::LabelStmt>(statement)) {
        statement = label->getSubStmt();
      } else if (const auto* marked = dyn_cast<clang::AttributedStmt>(statement)) {
        statement = marked->getSubStmt();
      } else {
        return isa<clang::IfStmt>(statement);
      }
    }
  }

  static bool IsBareInside(std::string_view text, const Range& block) {
    return text.substr(block.begin + 1, block.end - block.begin - 2).find_first_not_of(" \t\r\n") ==
           std::string_view::npos;
  }

  // Nothing of it stays.
  void DropIf(const Range& whole, std::string_view text, const Where& where, const std::string& before) {
    if (where.before_else != nullptr) {
      if (const std::optional<Range> then = sources_.OfWhole(where.before_else)) {
        return Delete({whole.file, then->end, whole.end});
      }
    }
    if (where.block == nullptr) return Replace(whole, "{}");
    if (before.empty()) return DeleteStatement(whole, text);
    Replace(whole, before.substr(0, before.find_last_not_of(" \n") + 1));
  }

  // The content of the block in place of the if.
  void Unwrap(const Range& whole, const Range& block, std::string_view text, const std::string& before) {
    std::size_t first = block.begin + 1;
    while (first < block.end - 1 && (text[first] == ' ' || text[first] == '\t' || text[first] == '\r')) ++first;
    if (text[first] == '\n') first = std::min(text.find_first_not_of(" \t\r\n", first), block.end - 1);
    const std::size_t last = text.find_last_not_of(" \t\r\n", block.end - 2) + 1;
    Replace({whole.file, whole.begin, first}, before);
    Delete({whole.file, last, whole.end});
    const std::size_t here = Indent(text, whole.begin);
    // How far its lines stand in: by the first one that begins a line.
    std::size_t line = LineEnd(text, block.begin) + 1;
    while (line < last && text.find_first_not_of(" \t\r", line) == LineEnd(text, line)) line = LineEnd(text, line) + 1;
    const std::size_t there = line < last ? Indent(text, line) : here;
    Outdent({whole.file, block.begin, last}, text, there > here ? there - here : 0);
  }

  // Its variables would live on to the end of the block around it, and be seen there.
  bool MayUnwrap(const clang::CompoundStmt* block, const clang::Stmt* branch, const Where& where) {
    if (isa_and_nonnull<clang::SwitchStmt>(where.owner)) {
      return std::none_of(block->body_begin(), block->body_end(),
                          [](const clang::Stmt* child) { return isa<clang::DeclStmt>(child); });
    }
    const bool is_last = where.is_tail && where.block->body_back() == branch;
    std::set<std::string> names;
    for (const clang::Stmt* child : block->body()) {
      const auto* declared = dyn_cast<clang::DeclStmt>(child);
      if (declared == nullptr) continue;
      for (const clang::Decl* decl : declared->decls()) {
        const auto* named = dyn_cast<clang::NamedDecl>(decl);
        if (named == nullptr) return false;  // using namespace, static_assert
        if (isa<clang::UsingDirectiveDecl>(decl)) return false;
        const auto* variable = dyn_cast<clang::VarDecl>(decl);
        if (variable != nullptr && isa<clang::DecompositionDecl>(variable)) {
          for (const clang::BindingDecl* binding : dyn_cast<clang::DecompositionDecl>(variable)->bindings()) {
            names.insert(binding->getNameAsString());
          }
        }
        if (variable != nullptr && !is_last && !IsFleeting(variable)) return false;
        names.insert(named->getNameAsString());
      }
    }
    if (names.empty()) return true;
    const auto taken = [&](const std::string& name) { return names.count(name) != 0; };
    if (function_ != nullptr) {
      for (const clang::ParmVarDecl* parameter : function_->parameters()) {
        if (taken(parameter->getNameAsString())) return false;
      }
    }
    // Whatever else the block around it says.
    const std::optional<Range> outer = sources_.Of(where.scope), inner = sources_.Of(branch);
    if (!outer || !inner) return false;
    return !Says(names, Range{outer->file, outer->begin, inner->begin}, branch) &&
           !Says(names, Range{outer->file, inner->end, outer->end}, branch);
  }

  bool Says(const std::set<std::string>& names, const Range& range, const clang::Stmt* at) {
    const std::string_view text = sources_.TextAt(at->getBeginLoc()).substr(range.begin, range.end - range.begin);
    for (std::size_t i = 0; i < text.size();) {
      const auto is_letter = [&](std::size_t j) {
        return j < text.size() && (clang::isAsciiIdentifierContinue(text[j], false));
      };
      if (!is_letter(i)) {
        ++i;
        continue;
      }
      std::size_t end = i;
      while (is_letter(end)) ++end;
      if (names.count(std::string(text.substr(i, end - i))) != 0) return true;
      i = end;
    }
    return false;
  }

  // ---- Loops and switch ------------------------------------------------------------------------------------------

  void While(const clang::WhileStmt* loop, const Where& where) {
    const clang::VarDecl* variable = loop->getConditionVariable();
    const std::optional<Known> known = variable != nullptr ? std::nullopt : knowledge_.Evaluate(loop->getCond());
    if (known && known->of_flag && known->Truth() == false && known->effects.empty() && !HasLabel(loop->getBody())) {
      const std::optional<Range> whole = sources_.OfWhole(loop);
      const std::string_view text = sources_.TextAt(loop->getBeginLoc());
      if (whole && !HasDirective(text, whole->begin, whole->end)) {
        Folded(*whole);
        return where.block != nullptr ? DeleteStatement(*whole, text) : Replace(*whole, "{}");
      }
    }
    if (variable != nullptr) {
      Expression(variable->getInit());
    } else {
      TopExpression(loop->getCond());
    }
    Below(loop->getBody(), loop, where.has_else_behind);
  }

  static bool HasBreak(const clang::Stmt* statement) {
    if (statement == nullptr) return false;
    if (isa<clang::BreakStmt>(statement)) return true;
    if (isa<clang::SwitchStmt, clang::ForStmt, clang::WhileStmt, clang::DoStmt, clang::CXXForRangeStmt,
            clang::LambdaExpr>(statement)) {
      return false;
    }
    return std::any_of(statement->child_begin(), statement->child_end(), HasBreak);
  }

  void Switch(const clang::SwitchStmt* choice, const Where& where) {
    const std::optional<Known> known = knowledge_.Evaluate(choice->getCond());
    if (!known || !known->of_flag) {
      Header(choice->getInit());
      Expression(choice->getCond());
      return Below(choice->getBody(), choice, false);
    }
    if (const char* why = FoldSwitch(choice, *known, where)) {
      Refuse(choice->getCond(), why);
      Below(choice->getBody(), choice, false);
    }
  }

  // Why not; null: done.
  const char* FoldSwitch(const clang::SwitchStmt* choice, const Known& known, const Where& where) {
    const auto* body = dyn_cast<clang::CompoundStmt>(choice->getBody());
    const std::optional<Range> whole = sources_.Of(choice);
    if (body == nullptr || !whole || where.block == nullptr || choice->getInit() != nullptr ||
        choice->getConditionVariable() != nullptr || !known.effects.empty()) {
      return "this switch is too special to be folded";
    }
    const std::string_view text = sources_.TextAt(choice->getBeginLoc());
    if (HasDirective(text, whole->begin, whole->end)) return "a directive of the preprocessor lies in this switch";
    const std::int64_t wanted = known.kind == Known::Kind::kBool ? std::int64_t{known.truth} : known.whole;
    // Statements of the section: those behind its labels, up to the next label.
    const clang::SwitchCase *matching = nullptr, *otherwise = nullptr;
    for (const clang::SwitchCase* at = choice->getSwitchCaseList(); at != nullptr; at = at->getNextSwitchCase()) {
      const auto* section = dyn_cast<clang::CaseStmt>(at);
      if (section == nullptr) {
        otherwise = at;
        continue;
      }
      clang::Expr::EvalResult result;
      if (section->getRHS() != nullptr || !section->getLHS()->EvaluateAsInt(result, context_)) {
        return "a case of this switch is no constant";
      }
      if (known.kind != Known::Kind::kEnumerator && !IsSettled(context_, section->getLHS())) {
        return "a case of this switch may be another one in another build";
      }
      if (result.Val.getInt().getExtValue() == wanted) matching = at;
    }
    const clang::SwitchCase* chosen = matching != nullptr ? matching : otherwise;
    if (chosen == nullptr) {
      Folded(*whole);
      DeleteStatement(*whole, text);
      return nullptr;
    }
    std::vector<const clang::Stmt*> section;
    bool is_in = false, ends = false;
    for (const clang::Stmt* child : body->body()) {
      const clang::Stmt* inner = child;
      bool begins = false;
      while (const auto* label = dyn_cast<clang::SwitchCase>(inner)) {
        begins = begins || label == chosen;
        inner = label->getSubStmt();
      }
      if (is_in && inner != child) return "a section of this switch runs into the next one";
      is_in = is_in || begins;
      if (!is_in) continue;
      if (isa<clang::BreakStmt>(inner)) {
        ends = true;
        break;
      }
      section.push_back(inner);
      if (Ends(inner, false) && !HasBreak(inner)) {
        ends = true;
        break;
      }
      if (const auto* block = dyn_cast<clang::CompoundStmt>(inner);
          block != nullptr && !block->body_empty() && isa<clang::BreakStmt>(block->body_back())) {
        ends = true;
        break;
      }
    }
    if (!is_in) return "a case of this switch lies within another statement";
    if (!ends && !section.empty() && section.back() != Innermost(body->body_back())) {
      return "a section of this switch runs into the next one";
    }
    return WriteSection(choice, *whole, section, text, where);
  }

  static const clang::Stmt* Innermost(const clang::Stmt* statement) {
    while (const auto* label = dyn_cast<clang::SwitchCase>(statement)) statement = label->getSubStmt();
    return statement;
  }

  const char* WriteSection(const clang::SwitchStmt* choice, const Range& whole,
                           const std::vector<const clang::Stmt*>& section, std::string_view text, const Where& where) {
    const auto* block = section.size() == 1 ? dyn_cast<clang::CompoundStmt>(section.front()) : nullptr;
    std::vector<const clang::Stmt*> inner = section;
    if (block != nullptr) {
      inner.assign(block->body_begin(), block->body_end());
      if (!inner.empty() && isa<clang::BreakStmt>(inner.back())) inner.pop_back();
    }
    if (std::any_of(inner.begin(), inner.end(), HasBreak)) return "a break lies within a section of this switch";
    if (std::any_of(inner.begin(), inner.end(), HasLabel)) return "a label lies within a section of this switch";
    if (inner.empty()) {
      Folded(whole);
      DeleteStatement(whole, text);
      return nullptr;
    }
    const std::optional<Range> first = sources_.OfWhole(inner.front()), last = sources_.OfWhole(inner.back());
    if (!first || !last) return "a macro makes a part of this switch";
    const bool declares =
        std::any_of(inner.begin(), inner.end(), [](const clang::Stmt* child) { return isa<clang::DeclStmt>(child); });
    Folded(whole);
    sections_.emplace(choice, inner);
    // A comment behind the last statement is of its line.
    std::size_t end = last->end;
    const std::size_t rest = text.find_first_not_of(" \t", end);
    if (rest != std::string_view::npos && text.substr(rest, 2) == "//") end = LineEnd(text, rest);
    const std::size_t here = Indent(text, whole.begin), there = Indent(text, first->begin);
    const bool starts_line = LineBegin(text, first->begin) + there == first->begin;
    const std::string blanks(here, ' ');
    Replace({whole.file, whole.begin, first->begin}, declares ? "{\n" + blanks + "  " : "");
    Replace({whole.file, end, whole.end}, declares ? "\n" + blanks + "}" : "");
    std::size_t columns = starts_line && there > here ? there - here : 0;
    if (!starts_line && inner.size() > 1) {
      const std::size_t next = Indent(text, sources_.Offset(inner[1]->getBeginLoc()));
      columns = next > here ? next - here : 0;
    }
    if (declares) columns = columns >= 2 ? columns - 2 : 0;
    Outdent({whole.file, first->begin, end}, text, columns);
    for (const clang::Stmt* child : inner) {
      Where at;
      at.block = where.block;
      at.owner = choice;  // declarations keep their braces
      at.scope = where.scope;
      Statement(child, at);
    }
    return nullptr;
  }

  // ---- Declarations ----------------------------------------------------------------------------------------------

  struct Candidate {
    const clang::VarDecl* variable;
    Range statement;      // all of it; of the header of an if or a loop: up to the next part
    bool is_whole;        // a statement of a block, alone in it
    std::string effects;  // what has to be run in its place
    std::string_view text;
    bool of_flag;
  };

  void Declared(const clang::DeclStmt* declared, const Where& where) {
    for (const clang::Decl* decl : declared->decls()) {
      const auto* variable = dyn_cast<clang::VarDecl>(decl);
      if (variable == nullptr || variable->getInit() == nullptr) continue;
      if (knowledge_.HandleOf(variable->getInit()) != nullptr) {
        NoteHandle(variable);
        continue;
      }
      const std::optional<Range> all = sources_.Of(declared);
      if (all && HasDirective(sources_.TextAt(declared->getBeginLoc()), all->begin, all->end)) {
        const clang::Expr* initializer = Written(variable->getInit());
        Refuse(declared, "a directive of the preprocessor lies in this declaration");
        if (isa<clang::LambdaExpr>(initializer)) Expression(initializer);
        continue;
      }
      const bool may_go = declared->isSingleDecl();
      std::optional<Known> known = knowledge_.OfVariable(variable);
      const bool is_detail = !known && knowledge_.IsDetail(variable);
      if ((known && known->of_flag) || is_detail) {
        const std::optional<Range> whole = sources_.Of(declared);
        const std::string_view text = sources_.TextAt(declared->getBeginLoc());
        std::optional<std::string> effects = "";
        if (known && !known->effects.empty() && whole) {
          effects = where.block == nullptr ? std::nullopt : TextOfEffects(*known, Indent(text, whole->begin), declared);
          if (!effects) {
            Refuse(declared, "a call in it may do something, and cannot be told from the read");
            continue;
          }
          if (!may_go || known->kind != Known::Kind::kBool || captured_.count(variable) != 0) {
            Refuse(declared, "a call in it may do something, and the variable is needed");
            continue;
          }
        }
        if (may_go && whole && captured_.count(variable) == 0) {
          candidates_.push_back({variable, *whole, where.block != nullptr, *effects, text, true});
          if (is_detail) candidates_.back().of_flag = false;
          continue;
        }
        if (is_detail) continue;
      } else if (may_go && where.block != nullptr && IsFleeting(variable) && knowledge_.IsPure(variable->getInit()) &&
                 !variable->isStaticLocal()) {
        if (const std::optional<Range> whole = sources_.Of(declared)) {
          candidates_.push_back({variable, *whole, true, "", sources_.TextAt(declared->getBeginLoc()), false});
        }
      }
      Expression(variable->getInit(), TakesLiteral(variable->getType()));
    }
  }

  // Whether its name stands under an #if, where this compiler sees no use of it: another build may.
  bool IsSaidElsewhere(const clang::NamedDecl* decl) {
    const clang::SourceManager& sources = sources_.manager();
    const auto* function = dyn_cast<clang::FunctionDecl>(decl->getDeclContext());
    const clang::FileID own = sources.getFileID(sources.getExpansionLoc(decl->getLocation()));
    std::set<std::pair<clang::FileID, std::size_t>> seen;
    const auto see = [&](clang::SourceLocation at) {
      at = sources.getExpansionLoc(at);
      seen.insert({sources.getFileID(at), sources.getFileOffset(at)});
    };
    see(decl->getLocation());
    if (const auto* value = dyn_cast<clang::ValueDecl>(decl)) {
      if (const auto found = uses_.find(value); found != uses_.end()) {
        for (const clang::DeclRefExpr* use : found->second) see(use->getLocation());
      }
    }
    for (const clang::FileID file : std::set<clang::FileID>{own, sources.getMainFileID()}) {
      if (function != nullptr && file != own) continue;
      const auto& words = WordsOf(file);
      const auto said = words.find(decl->getNameAsString());
      if (said == words.end()) continue;
      const llvm::StringRef buffer = sources.getBufferData(file);
      for (const std::size_t at : said->second) {
        const bool is_here = function == nullptr || (sources_.Offset(function->getBeginLoc()) <= at &&
                                                     at <= sources_.Offset(function->getEndLoc()));
        if (!is_here || seen.count({file, at}) != 0) continue;
        if (IsWithinIf(std::string_view(buffer.data(), buffer.size()), at)) return true;
      }
    }
    return false;
  }

  // Where each identifier of a file stands, whichever #if it is in.
  const std::map<std::string, std::vector<std::size_t>>& WordsOf(clang::FileID file) {
    const auto [held, is_new] = words_.try_emplace(file);
    if (!is_new) return held->second;
    const clang::SourceManager& sources = sources_.manager();
    const llvm::StringRef text = sources.getBufferData(file);
    clang::Lexer lexer(sources.getLocForStartOfFile(file), context_.getLangOpts(), text.begin(), text.begin(),
                       text.end());
    clang::Token token;
    for (bool is_end = false; !is_end;) {
      is_end = lexer.LexFromRawLexer(token);
      if (!token.is(clang::tok::raw_identifier)) continue;
      held->second[token.getRawIdentifier().str()].push_back(sources.getFileOffset(token.getLocation()));
    }
    return held->second;
  }

  // Whether all that uses it is gone.
  bool IsForgotten(const clang::VarDecl* variable, bool& was_used) {
    const auto found = uses_.find(variable);
    was_used = found != uses_.end();
    if (!was_used) return !IsSaidElsewhere(variable);
    const bool is_gone = std::all_of(found->second.begin(), found->second.end(),
                                     [&](const clang::DeclRefExpr* use) { return IsGone(use); });
    return is_gone && !IsSaidElsewhere(variable);
  }

  // Taken away, and not written back by what takes its place.
  bool IsGone(const clang::DeclRefExpr* use) {
    const std::optional<Range> range = sources_.Of(use);
    return range && result_.edits[range->file].Covers(range->begin, range->end) &&
           std::none_of(written_back_.begin(), written_back_.end(), [&](const Range& kept) {
             return kept.file == range->file && kept.begin <= range->begin && range->end <= kept.end;
           });
  }

  // The later ones first: they are made of the earlier ones.
  void SettleVariables() {
    std::set<const clang::VarDecl*> done;
    for (bool goes_on = true; goes_on;) {
      goes_on = false;
      for (auto at = candidates_.rbegin(); at != candidates_.rend(); ++at) {
        if (done.count(at->variable) != 0) continue;
        bool was_used = false;
        const bool is_forgotten = IsForgotten(at->variable, was_used);
        if (at->of_flag ? !is_forgotten : !is_forgotten || !was_used) continue;
        done.insert(at->variable);
        goes_on = true;
        DropVariable(*at);
      }
    }
    for (const Candidate& candidate : candidates_) {
      if (!candidate.of_flag || done.count(candidate.variable) != 0) continue;
      const clang::VarDecl* variable = candidate.variable;
      Expression(variable->getInit(), TakesLiteral(variable->getType()));
      NoteUses(variable);
    }
  }

  void DropVariable(const Candidate& candidate) {
    const Range& range = candidate.statement;
    if (!candidate.is_whole) {
      // `if (const bool on = …; x)`: up to what comes next.
      std::size_t end = range.end;
      while (end < candidate.text.size() && candidate.text[end] == ' ') ++end;
      return Delete({range.file, range.begin, end});
    }
    if (candidate.effects.empty()) return DeleteStatement(range, candidate.text);
    Replace(range, candidate.effects.substr(0, candidate.effects.find_last_not_of(" \n") + 1));
  }

  // A variable that stays although it is a boolean that never changes.
  void NoteUses(const clang::VarDecl* variable) {
    const std::optional<Known> known = knowledge_.OfVariable(variable);
    if (!known || known->kind != Known::Kind::kBool) return;
    const auto found = uses_.find(variable);
    if (found == uses_.end()) return;
    for (const clang::DeclRefExpr* use : found->second) {
      if (IsGone(use)) continue;
      AddLeft(use->getBeginLoc(), variable->getNameAsString() + " is always " + BareLiteral(*known) +
                                      (use->getBeginLoc().isMacroID() ? ", and is used in a macro" : ""));
    }
  }

  void AddLeft(clang::SourceLocation at, std::string why) {
    const std::string file = sources_.FileOf(at);
    if (file.empty()) return;
    const clang::PresumedLoc place = sources_.manager().getPresumedLoc(sources_.manager().getExpansionLoc(at), false);
    result_.left.push_back(
        {file, static_cast<int>(place.getLine()), static_cast<int>(place.getColumn()), std::move(why), false});
  }

  void NoteStored(const clang::ValueDecl* decl, const clang::Expr* initializer) {
    const std::optional<Known> known = knowledge_.Evaluate(initializer);
    if (!known || !known->of_flag || !known->effects.empty()) return;
    AddLeft(decl->getLocation(), decl->getNameAsString() + " is always " + BareLiteral(*known));
  }

  // A function that only says what the flag says.
  void NoteConstant(const clang::FunctionDecl* function) {
    const auto* body = dyn_cast_or_null<clang::CompoundStmt>(function->getBody());
    if (body == nullptr || body->size() != 1) return;
    const auto* given = dyn_cast<clang::ReturnStmt>(body->body_front());
    if (given == nullptr || given->getRetValue() == nullptr) return;
    const std::optional<Known> known = knowledge_.Evaluate(given->getRetValue());
    if (!known || !known->of_flag || !known->effects.empty() || IsTorn(context_, function)) return;
    constants_.emplace_back(function, BareLiteral(*known));
  }

  // One that nobody else can call, and that nobody calls any more, goes.
  void SettleConstants() {
    for (const auto& [function, value] : constants_) {
      const auto used = uses_.find(function);
      const bool is_own = function->getFormalLinkage() == clang::InternalLinkage ||
                          function->getFormalLinkage() == clang::UniqueExternalLinkage;
      const bool is_forgotten =
          used != uses_.end() && std::all_of(used->second.begin(), used->second.end(),
                                             [&](const clang::DeclRefExpr* use) { return IsGone(use); });
      const std::optional<Range> whole = sources_.Of(function->getBeginLoc(), function->getEndLoc());
      const bool is_alone = function->getPreviousDecl() == nullptr;
      if (is_own && is_forgotten && whole && is_alone && !isa<clang::CXXMethodDecl>(function) &&
          !IsSaidElsewhere(function)) {
        const Edit edit = WholeDeclaration(sources_.TextAt(function->getBeginLoc()), whole->begin, whole->end);
        Delete({whole->file, edit.begin, edit.end});
      } else {
        AddLeft(function->getLocation(), function->getNameAsString() + "() always returns " + value);
      }
    }
  }

  void Initializers(const clang::CXXConstructorDecl* constructor) {
    for (const clang::CXXCtorInitializer* initializer : constructor->inits()) {
      if (!initializer->isWritten()) continue;
      const clang::FieldDecl* field = initializer->getMember();
      if (field != nullptr && knowledge_.HandleOf(initializer->getInit()) != nullptr) {
        DropInitializer(constructor, initializer, field);
        continue;
      }
      Expression(initializer->getInit(), field != nullptr && TakesLiteral(field->getType()));
      if (field != nullptr) NoteStored(field, initializer->getInit());
    }
  }

  // ---- Handles ---------------------------------------------------------------------------------------------------

  HandleRemoval& RemovalOf(const clang::ValueDecl* decl) {
    const std::string usr = UsrOf(decl);
    HandleRemoval& removal = result_.handles[usr];
    if (names_.withdrawn.count(usr) != 0) removal.possible = false;
    return removal;
  }

  void NoteHandle(const clang::ValueDecl* decl) {
    HandleRemoval& removal = RemovalOf(decl);
    const clang::Expr* initializer = nullptr;
    if (const auto* variable = dyn_cast<clang::VarDecl>(decl)) initializer = variable->getInit();
    if (const auto* field = dyn_cast<clang::FieldDecl>(decl); field != nullptr && field->hasInClassInitializer()) {
      initializer = field->getInClassInitializer();
    }
    const clang::CXXConstructExpr* made = knowledge_.HandleOf(initializer);
    const auto* record = dyn_cast<clang::CXXRecordDecl>(decl->getDeclContext());
    const bool is_aggregate = isa<clang::FieldDecl>(decl) && record != nullptr && record->isAggregate();
    if ((made != nullptr && !ArePure(made)) || is_aggregate || IsSaidElsewhere(decl)) removal.possible = false;
    const std::optional<Range> range = sources_.Of(decl->getBeginLoc(), decl->getEndLoc());
    if (!range) {
      removal.possible = false;
      return;
    }
    const std::string_view text = sources_.TextAt(decl->getBeginLoc());
    const std::size_t end = SkipBlanks(text, range->end);
    // `Flag<bool> a(…), b(…);`
    const std::string_view head = text.substr(range->begin, sources_.Offset(decl->getLocation()) - range->begin);
    if (head.find_first_of(",({") != std::string_view::npos) removal.possible = false;
    if (end >= text.size() || text[end] != ';' || HasDirective(text, range->begin, end)) {
      removal.possible = false;
      return;
    }
    removal.edits[range->file].insert(WholeDeclaration(text, range->begin, end + 1));
  }

  bool ArePure(const clang::CXXConstructExpr* made) const {
    return std::all_of(made->arg_begin(), made->arg_end(),
                       [&](const clang::Expr* argument) { return knowledge_.IsPure(argument); });
  }

  void DropInitializer(const clang::CXXConstructorDecl* constructor, const clang::CXXCtorInitializer* dropped,
                       const clang::FieldDecl* field) {
    HandleRemoval& removal = RemovalOf(field);
    std::vector<const clang::CXXCtorInitializer*> written;
    for (const clang::CXXCtorInitializer* initializer : constructor->inits()) {
      if (initializer->isWritten()) written.push_back(initializer);
    }
    std::sort(written.begin(), written.end(),
              [](const auto* a, const auto* b) { return a->getSourceOrder() < b->getSourceOrder(); });
    const auto of = [&](const clang::CXXCtorInitializer* initializer) {
      return sources_.Of(initializer->getSourceLocation(), initializer->getRParenLoc());
    };
    const std::size_t at =
        static_cast<std::size_t>(std::find(written.begin(), written.end(), dropped) - written.begin());
    const std::optional<Range> range = of(dropped);
    const auto* made = knowledge_.HandleOf(dropped->getInit());
    if (!range || made == nullptr || !ArePure(made)) {
      removal.possible = false;
      return;
    }
    Edit edit{range->begin, range->end, ""};
    if (at > 0) {
      const std::optional<Range> before = of(written[at - 1]);
      if (before) edit.begin = before->end;
    } else if (written.size() > 1) {
      const std::optional<Range> after = of(written[1]);
      if (after) edit.end = after->begin;
    } else {
      const std::string_view text = sources_.TextAt(dropped->getSourceLocation());
      const std::size_t colon = text.rfind(':', range->begin);
      edit.begin = text.find_last_not_of(" \t\r\n", colon - 1) + 1;
    }
    removal.edits[range->file].insert(edit);
  }

  // ---- Mentions --------------------------------------------------------------------------------------------------

  void GatherUse(const clang::ValueDecl* decl, clang::SourceLocation begin, clang::SourceLocation end) {
    Mention mention;
    mention.is_read = true;
    if (knowledge_.IsHandle(decl)) {
      mention.handle = UsrOf(decl);
      mention.why = "the handle is used in a way that is no read of its value";
    } else if (const auto* function = dyn_cast<clang::FunctionDecl>(decl);
               function != nullptr && knowledge_.OfAccessor(function)) {
      mention.why = "the accessor is used in a way that cannot be replaced";
    } else {
      return;
    }
    Gather(begin, end, std::move(mention));
  }

  Mention OfLiteral(const clang::StringLiteral* literal) {
    Mention mention;
    mention.why = "the key stands here, and no read that is known";
    clang::DynTypedNode node = clang::DynTypedNode::create(*literal);
    for (int depth = 0; depth < 24; ++depth) {
      const clang::DynTypedNodeList parents = context_.getParents(node);
      if (parents.size() != 1) break;
      node = parents[0];
      if (const auto* variable = node.get<clang::VarDecl>()) {
        if (knowledge_.HandleOf(variable->getInit()) != nullptr) {
          mention.handle = UsrOf(variable);
          mention.why = "the handle is still used";
        } else {
          mention.why = "a constant holds the key";
        }
        break;
      }
      if (const auto* field = node.get<clang::CXXCtorInitializer>()) {
        if (field->getMember() != nullptr && knowledge_.HandleOf(field->getInit()) != nullptr) {
          mention.handle = UsrOf(field->getMember());
          mention.why = "the handle is still used";
        }
        break;
      }
      if (const auto* field = node.get<clang::FieldDecl>()) {
        if (knowledge_.IsHandle(field)) {
          mention.handle = UsrOf(field);
          mention.why = "the handle is still used";
        }
        break;
      }
      if (const auto* call = node.get<clang::CXXMemberCallExpr>()) {
        const clang::CXXMethodDecl* method = call->getMethodDecl();
        const std::string name = method == nullptr ? "" : method->getNameAsString();
        const std::string of = method == nullptr ? "" : method->getParent()->getNameAsString();
        if (of == "Reads") {
          mention.is_read = true;
          if (name.find("Detail") != std::string::npos) {
            mention.why = "more than the value of " + name + " is used";
          } else if (name == "Json" || request_.value.is_object() || request_.value.is_array()) {
            mention.why = "a value of JSON has no literal in C++";
          } else if (!knowledge_.Evaluate(call)) {
            mention.why = name + " reads another type than the flag has";
          } else {
            mention.why = "it is read in a way that cannot be replaced";
          }
        } else if (of == "TestSource") {
          mention.why = "a test sets it: remove it with what it tests";
        }
        break;
      }
      if (node.get<clang::CallExpr>() || node.get<clang::FunctionDecl>()) break;
    }
    if (names_.withdrawn.count(mention.handle) != 0) {
      mention.handle.clear();
      mention.why = "the handle has another key elsewhere, or gets one later";
    }
    return mention;
  }

  void Gather(clang::SourceLocation begin, clang::SourceLocation last, Mention mention) {
    const std::string file = sources_.FileOf(begin);
    if (file.empty()) return;
    const clang::SourceManager& manager = sources_.manager();
    const bool is_macro = begin.isMacroID() || last.isMacroID();
    const clang::SourceLocation at = manager.getExpansionLoc(begin);
    const std::size_t offset = manager.getFileOffset(at);
    const clang::SourceLocation end =
        clang::Lexer::getLocForEndOfToken(manager.getExpansionLoc(last), 0, manager, context_.getLangOpts());
    mention.end = std::max(offset + 1, std::size_t{manager.getFileOffset(end)});
    const clang::PresumedLoc place = manager.getPresumedLoc(at, false);
    mention.line = static_cast<int>(place.getLine());
    mention.column = static_cast<int>(place.getColumn());
    mention.gone = result_.edits[file].Covers(offset, mention.end);
    if (is_macro) {
      mention.why =
          "it is read within the macro " +
          clang::Lexer::getImmediateMacroName(begin.isMacroID() ? begin : last, manager, context_.getLangOpts()).str();
    } else {
      for (const auto& [range, why] : refusals_) {
        if (range.file == file && range.begin <= offset && offset < range.end) mention.why = why;
      }
    }
    if (!is_macro && mention.why.find("template") == std::string::npos && IsInTemplate(at)) {
      mention.why = "a template reads it";
    }
    result_.mentions.emplace(Place{file, offset}, std::move(mention));
  }

  bool IsInTemplate(clang::SourceLocation at) const {
    return std::any_of(templates_.begin(), templates_.end(), [&](const clang::SourceRange& range) {
      const clang::SourceManager& manager = sources_.manager();
      return !manager.isBeforeInTranslationUnit(at, range.getBegin()) &&
             !manager.isBeforeInTranslationUnit(range.getEnd(), at);
    });
  }

 public:
  bool TraverseFunctionTemplateDecl(clang::FunctionTemplateDecl* decl) {
    templates_.push_back(decl->getSourceRange());
    return RecursiveASTVisitor::TraverseFunctionTemplateDecl(decl);
  }
  bool TraverseClassTemplateDecl(clang::ClassTemplateDecl* decl) {
    templates_.push_back(decl->getSourceRange());
    return RecursiveASTVisitor::TraverseClassTemplateDecl(decl);
  }

 private:
  clang::ASTContext& context_;
  const Request& request_;
  const Names& names_;
  Sources sources_;
  Knowledge::Uses uses_;
  Knowledge knowledge_;
  UnitResult result_;
  std::set<const clang::ValueDecl*> captured_;
  std::map<clang::FileID, std::map<std::string, std::vector<std::size_t>>> words_;
  std::set<const clang::IfStmt*> folded_;
  std::map<const clang::SwitchStmt*, std::vector<const clang::Stmt*>> sections_;  // of those that were folded
  std::vector<Candidate> candidates_;
  std::vector<std::pair<const clang::FunctionDecl*, std::string>> constants_;
  std::vector<std::pair<Range, std::string>> refusals_;
  std::vector<Range> written_back_;
  std::map<std::string, std::vector<Range>> long_literals_;
  std::vector<clang::SourceRange> templates_;
  const clang::FunctionDecl* function_ = nullptr;  // whose body is walked
  bool returns_typed_ = true;                      // by its declaration, not by what it returns
  bool is_gathering_ = false;
};

// ---- Names
// -----------------------------------------------------------------------------------------------------------

class NameFinder : public clang::RecursiveASTVisitor<NameFinder> {
 public:
  NameFinder(clang::ASTContext& context, const Request& request, Names& names)
      : sources_(context, request), knowledge_(context, request, names, uses_), names_(names), context_(context) {}

  void Run() {
    const std::vector<clang::Decl*> own = OwnDeclarations(context_, sources_);
    context_.setTraversalScope(own);
    UsesOfVariables uses(uses_);
    for (clang::Decl* decl : own) uses.TraverseDecl(decl);
    for (clang::Decl* decl : own) TraverseDecl(decl);
  }

  bool VisitVarDecl(clang::VarDecl* variable) {
    if (isa<clang::ParmVarDecl>(variable) || variable->isTemplated() || !variable->hasInit()) return true;
    if (knowledge_.HandleOf(variable->getInit()) != nullptr) {
      Take(variable);
    } else if (Knowledge::IsHandleType(variable->getType())) {
      Withdraw(variable);
    } else if (!variable->isLocalVarDecl() && knowledge_.TextOf(variable->getInit()) == knowledge_.key()) {
      names_.spoken.insert(variable->getNameAsString());
    }
    return true;
  }
  bool VisitFieldDecl(clang::FieldDecl* field) {
    if (field->isTemplated() || !field->hasInClassInitializer() || !Knowledge::IsHandleType(field->getType()))
      return true;
    knowledge_.HandleOf(field->getInClassInitializer()) != nullptr ? Take(field) : Withdraw(field);
    return true;
  }
  // A handle that is made by a list, or becomes another one.
  bool VisitInitListExpr(clang::InitListExpr* list) {
    if (list->getSemanticForm() != nullptr) list = list->getSemanticForm();
    const clang::CXXRecordDecl* record = list->getType().isNull() ? nullptr : list->getType()->getAsCXXRecordDecl();
    if (record == nullptr || !record->hasDefinition()) return true;
    const bool is_other = std::any_of(list->begin(), list->end(), [&](const clang::Stmt* child) {
      const auto* given = dyn_cast_or_null<clang::Expr>(child);
      return given != nullptr && Knowledge::IsHandleType(given->getType()) && !isa<clang::CXXDefaultInitExpr>(given) &&
             knowledge_.HandleOf(given) == nullptr;
    });
    if (!is_other) return true;
    for (const clang::FieldDecl* field : record->fields()) {
      if (Knowledge::IsHandleType(field->getType())) Withdraw(field);
    }
    return true;
  }
  bool VisitCXXOperatorCallExpr(clang::CXXOperatorCallExpr* call) {
    if (call->getOperator() != clang::OO_Equal || !Knowledge::IsHandleType(call->getArg(0)->getType())) return true;
    const clang::Expr* left = call->getArg(0)->IgnoreParenImpCasts();
    if (const auto* named = dyn_cast<clang::DeclRefExpr>(left)) Withdraw(named->getDecl());
    if (const auto* member = dyn_cast<clang::MemberExpr>(left)) Withdraw(member->getMemberDecl());
    return true;
  }
  bool VisitFunctionDecl(clang::FunctionDecl* function) {
    if (function->isTemplated() || !function->doesThisDeclarationHaveABody()) return true;
    if (const auto* constructor = dyn_cast<clang::CXXConstructorDecl>(function)) {
      for (const clang::CXXCtorInitializer* initializer : constructor->inits()) {
        const clang::FieldDecl* member = initializer->getMember();
        if (member == nullptr || !initializer->isWritten() || !Knowledge::IsHandleType(member->getType())) continue;
        knowledge_.HandleOf(initializer->getInit()) != nullptr ? Take(member) : Withdraw(member);
      }
      return true;
    }
    const auto* method = dyn_cast<clang::CXXMethodDecl>(function);
    if (method != nullptr && (method->isVirtual() || method->getParent()->isLambda())) return true;
    const std::optional<Known> known = OfBody(function);
    if (!known) {
      if (!names_.wrappers.empty() && names_.wrappers.count(UsrOf(function)) != 0) Withdraw(function);
      return true;
    }
    const auto [wrapper, is_new] = names_.wrappers.emplace(UsrOf(function), *known);
    const Known& before = wrapper->second;
    if (before.kind != known->kind || before.truth != known->truth || before.whole != known->whole ||
        before.number != known->number || before.enumerator != known->enumerator) {
      Withdraw(function);
    }
    names_.spoken.insert(function->getNameAsString());
    return true;
  }

 private:
  // What a function always returns that does nothing else.
  std::optional<Known> OfBody(const clang::FunctionDecl* function) {
    const auto* body = dyn_cast_or_null<clang::CompoundStmt>(function->getBody());
    if (body == nullptr || body->size() != 1 || sources_.FileOf(function->getLocation()).empty()) return std::nullopt;
    const auto* given = dyn_cast<clang::ReturnStmt>(body->body_front());
    if (given == nullptr || given->getRetValue() == nullptr) return std::nullopt;
    std::optional<Known> known = knowledge_.Evaluate(given->getRetValue());
    if (!known || !known->of_flag || !known->effects.empty() || known->kind == Known::Kind::kText) return std::nullopt;
    return IsTorn(context_, function) ? std::nullopt : known;
  }

  void Withdraw(const clang::ValueDecl* decl) { names_.withdrawn.insert(UsrOf(decl)); }

  void Take(const clang::ValueDecl* handle) {
    names_.handles.insert(UsrOf(handle));
    names_.spoken.insert(handle->getNameAsString());
  }

  Sources sources_;
  Knowledge::Uses uses_;
  Knowledge knowledge_;
  Names& names_;
  clang::ASTContext& context_;
};

}  // namespace

UnitResult Fold(clang::ASTContext& context, const Request& request, const Names& names) {
  return Folder(context, request, names).Run();
}

void FindNames(clang::ASTContext& context, const Request& request, Names& names) {
  NameFinder(context, request, names).Run();
}

}  // namespace guidon::removal
