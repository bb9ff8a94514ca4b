package meta

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		doc := f.syntax.Doc.Text()
		name := f.syntax.Name.Name
		opening := "Package " + strings.TrimSuffix(name, "_test") + " "
		if name == "main" {
			opening = "Command "
		}
		documented[f.folder()] = documented[f.folder()] || strings.HasPrefix(doc, opening)
	}
	for folder, has := range documented {
		if !has {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

func TestEveryExportedIdentifierIsDocumented(t *testing.T) {
	for _, f := range files(t) {
		if f.isTest() {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s:%d: exported %s has no comment", f.path, f.line(decl.Pos()), name)
			}
		}
	}
}

// undocumented returns the exported names that decl declares without a word.
// The comment of a group speaks for all in it.
func undocumented(decl ast.Decl) []string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || (d.Doc != nil && d.Tok != token.TYPE) {
			return nil
		}
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && s.Doc == nil && s.Comment == nil {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether a method can be met from outside: its type
// is exported, or it is no method at all.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}
