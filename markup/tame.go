package markup

import (
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// tame changes what was parsed so that nothing is left for the policy to take
// away: links go somewhere or are no links, and an image becomes a link to it,
// for to load an image from elsewhere tells that place who reads what and when.
type tame struct{}

// Transform implements parser.ASTTransformer.
func (tame) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	var found []ast.Node
	// The walk fails only if its function does.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch n.Kind() {
			case ast.KindLink, ast.KindAutoLink, ast.KindImage:
				found = append(found, n)
			}
		}
		return ast.WalkContinue, nil
	})
	source := reader.Source()
	for _, n := range found { // the outer ones first
		switch n := n.(type) {
		case *ast.Link:
			tameLink(n)
		case *ast.AutoLink:
			if leadsOn(n.URL(source)) || n.AutoLinkType == ast.AutoLinkEmail {
				n.SetAttributeString("rel", []byte(rel))
			} else {
				label := ast.NewString(n.Label(source))
				label.SetRaw(true) // what looks like an entity stays one
				n.Parent().ReplaceChild(n.Parent(), n, label)
			}
		case *ast.Image:
			link := ast.NewLink()
			link.Destination = n.Destination
			held := linked(n)
			n.Parent().InsertBefore(n.Parent(), n, link)
			hoist(n, link)
			if held {
				link.Destination = nil
			}
			tameLink(link)
		}
	}
}

// tameLink marks a link, or leaves only its text where it goes nowhere that one
// may be sent to.
func tameLink(n *ast.Link) {
	if leadsOn(util.URLEscape(n.Destination, true)) {
		n.Title = nil
		n.SetAttributeString("rel", []byte(rel))
		return
	}
	hoist(n, nil)
}

// hoist takes n away; its children go into to, or where nil to n's own place.
func hoist(n ast.Node, to *ast.Link) {
	for child := n.FirstChild(); child != nil; {
		next := child.NextSibling()
		if to != nil {
			to.AppendChild(to, child)
		} else {
			n.Parent().InsertBefore(n.Parent(), n, child)
		}
		child = next
	}
	n.Parent().RemoveChild(n.Parent(), n)
}

// leadsOn tells whether the address is one that a link may have: absolute, and
// with a scheme that the policy lets through.
func leadsOn(address []byte) bool {
	u, err := url.Parse(string(address))
	if err != nil || !slices.Contains(schemes, strings.ToLower(u.Scheme)) {
		return false
	}
	return u.Host != "" || u.Scheme == "mailto" && u.Opaque != ""
}

// linked tells whether n stands in a link, or holds one.
func linked(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == ast.KindLink {
			return true
		}
	}
	holds := false
	_ = ast.Walk(n, func(n ast.Node, _ bool) (ast.WalkStatus, error) {
		if n.Kind() == ast.KindLink || n.Kind() == ast.KindAutoLink {
			holds = true
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	return holds
}
