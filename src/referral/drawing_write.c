/*-------------------------------------------------------------------------
 *
 * drawing_write.c
 *	  Lines of a drawing as text, for Graphviz and for Mermaid.
 *
 * A name is whatever an application, or its user, has made it.  It must
 * neither end its line nor its quotes, nor reach the terminal or the browser
 * that shows it as anything but a name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/drawing.h"

/* An amount in minor units, in units. */
static void
append_money(StringInfo out, const ReferralPen *pen, int64 amount)
{
	uint64		rest = amount < 0 ? -(uint64) amount : (uint64) amount;
	uint64		unit = 1;
	int			i;

	for (i = 0; i < pen->scale; i++)
		unit *= 10;
	appendStringInfo(out, "%s" UINT64_FORMAT, amount < 0 ? "-" : "",
					 rest / unit);
	if (pen->scale > 0)
		appendStringInfo(out, ".%0*llu", pen->scale,
						 (unsigned long long) (rest % unit));
}

/*
 * How many bytes of this are a character that is not to be shown: controls,
 * which a terminal obeys, ends of lines, and turns of the direction of
 * writing, which let one name look like another; 0 when it is none.
 */
static int
unprintable(const char *s)
{
	const unsigned char *c = (const unsigned char *) s;

	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	if (GetDatabaseEncoding() != PG_UTF8)
		return 0;
	if (c[0] == 0xc2 && c[1] < 0xa0)
		return 2;
	/* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
	if (c[0] == 0xe2 && c[1] == 0x80 &&
		(c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae)))
		return 3;
	if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
		return 3;
	return 0;
}

/* ----- what a line says ----- */

/*
 * Append a text, each byte as the format wants it: "quote" may do so itself,
 * and says whether it did.
 */
typedef bool (*Quote) (StringInfo out, const char *s);

static void
append_quoted(StringInfo out, const char *s, Quote quote)
{
	while (*s != '\0')
	{
		int			skip = unprintable(s);

		if (skip > 0)
			appendStringInfoChar(out, '?');
		else if (quote == NULL || !quote(out, s))
			appendStringInfoChar(out, *s);
		s += Max(skip, 1);
	}
}

static void
append_team(StringInfo out, const ReferralPen *pen, const ReferralNode *node)
{
	appendStringInfoString(out, "team ");
	append_money(out, pen, node->team);
	appendStringInfo(out, " of " INT64_FORMAT, node->below);
}

/* ", 1234.00 of 42" */
static void
append_rest(StringInfo out, const ReferralPen *pen, const ReferralLine *line)
{
	append_money(out, pen, line->volume);
	appendStringInfo(out, " of " INT64_FORMAT, line->members);
}

/* ----- text ----- */

static void
append_branches(StringInfo out, ReferralPen *pen, const ReferralLine *line)
{
	/* U+2502, U+251C and U+2514, each of the latter with two U+2500 */
	static const char *const boxes[] = {
		"\342\224\202   ", "    ",
		"\342\224\234\342\224\200\342\224\200 ",
		"\342\224\224\342\224\200\342\224\200 "
	};
	static const char *const ascii[] = {"|   ", "    ", "|-- ", "`-- "};
	const char *const *signs = pen->boxes ? boxes : ascii;
	int			i;

	pen->last[line->level] = line->last;
	for (i = 1; i < line->level; i++)
		appendStringInfoString(out, signs[pen->last[i] ? 1 : 0]);
	if (line->level > 0)
		appendStringInfoString(out, signs[line->last ? 3 : 2]);
}

/* A line of text, without its end. */
void
referral_write_text(StringInfo out, ReferralPen *pen, const ReferralLine *line,
					const ReferralLabel *label)
{
	append_branches(out, pen, line);
	if (line->place < 0)
	{
		appendStringInfo(out, "... and " INT64_FORMAT " more, ", line->more);
		append_rest(out, pen, line);
		return;
	}
	append_quoted(out, label->name, NULL);
	if (label->closed)
		appendStringInfoString(out, " (closed)");
	if (label->tier != NULL)
	{
		appendStringInfoString(out, " [");
		append_quoted(out, label->tier, NULL);
		appendStringInfoChar(out, ']');
	}
	appendStringInfoChar(out, ' ');
	append_money(out, pen, pen->nodes[line->place].own);
	if (pen->nodes[line->place].below > 0)
	{
		appendStringInfoString(out, ", ");
		append_team(out, pen, &pen->nodes[line->place]);
	}
	if (line->cut)
		appendStringInfoString(out, " ...");
}

/* What a tree comes to; "drawn" is how many of it were. */
void
referral_write_summary(StringInfo out, const ReferralPen *pen, int32 levels,
					   int64 drawn)
{
	const ReferralNode *top = &pen->nodes[0];

	appendStringInfo(out, INT64_FORMAT " %s, %d %s", top->below + 1,
					 top->below == 0 ? "member" : "members", levels,
					 levels == 1 ? "level" : "levels");
	if (drawn < top->below + 1)
		appendStringInfo(out, ", " INT64_FORMAT " drawn", drawn);
	appendStringInfoString(out, ", ");
	append_money(out, pen, top->own + top->team);
}

/* ----- graphs ----- */

/* Inside the double quotes of Graphviz, which also knows HTML's entities. */
static bool
quote_dot(StringInfo out, const char *s)
{
	if (*s == '"' || *s == '\\')
	{
		appendStringInfoChar(out, '\\');
		return false;
	}
	if (*s != '&')
		return false;
	appendStringInfoString(out, "&amp;");
	return true;
}

/*
 * Inside the double quotes of Mermaid, which reads HTML, Markdown, comments
 * and directives there.  What is not plainly harmless becomes an entity of
 * its own kind; so does what would begin a list.
 */
static bool
quote_mermaid(StringInfo out, const char *s)
{
	unsigned char c = (unsigned char) *s;

	if (c >= 0x80 || strchr(" ,@", c) != NULL || (c >= '0' && c <= '9') ||
		(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return false;
	if ((c == '.' || c == '-') && s[1] != ' ')
		return false;
	appendStringInfo(out, "#%d;", c);
	return true;
}

static void
append_label(StringInfo out, const ReferralPen *pen, const char *s)
{
	append_quoted(out, s, pen->mermaid ? quote_mermaid : quote_dot);
}

/* A member's node.  A minus would end the name. */
static void
append_node(StringInfo out, const ReferralPen *pen, const char *kind,
			int64 place)
{
	int64		member = pen->nodes[place].member;

	appendStringInfo(out, "%s%s" UINT64_FORMAT, kind, member < 0 ? "_" : "",
					 member < 0 ? -(uint64) member : (uint64) member);
}

static void
append_numbers(StringInfo out, const ReferralPen *pen,
			   const ReferralLine *line, const ReferralLabel *label)
{
	const char *end = pen->mermaid ? "<br/>" : "\\n";

	if (line->place < 0)
	{
		appendStringInfo(out, "and " INT64_FORMAT " more%s", line->more, end);
		append_rest(out, pen, line);
		return;
	}
	append_label(out, pen, label->name);
	if (label->closed)
		append_label(out, pen, " (closed)");
	appendStringInfoString(out, end);
	if (label->tier != NULL)
	{
		append_label(out, pen, label->tier);
		append_label(out, pen, ", ");
	}
	append_money(out, pen, pen->nodes[line->place].own);
	if (pen->nodes[line->place].below > 0)
	{
		appendStringInfoString(out, end);
		append_team(out, pen, &pen->nodes[line->place]);
	}
}

void
referral_open_graph(StringInfo out, const ReferralPen *pen)
{
	appendStringInfoString(out, pen->mermaid ? "flowchart TD\n" :
						   "digraph referrals {\n"
						   "\tnode [shape=box];\n");
}

/* A node, and the edge by which it hangs on its sponsor's. */
void
referral_write_graph(StringInfo out, const ReferralPen *pen,
					 const ReferralLine *line, const ReferralLabel *label)
{
	const char *kind = line->place < 0 ? "rest" : "m";
	int64		place = line->place < 0 ? line->sponsor_place : line->place;

	appendStringInfoString(out, pen->mermaid ? "    " : "\t");
	append_node(out, pen, kind, place);
	appendStringInfoString(out, pen->mermaid ? "[\"" : " [label=\"");
	append_numbers(out, pen, line, label);
	/* a dashed box stands for more than it shows */
	if (pen->mermaid)
		appendStringInfoString(out, "\"]\n");
	else
		appendStringInfoString(out, line->cut ? "\", style=dashed];\n" :
							   "\"];\n");
	if (line->level > 0)
	{
		appendStringInfoString(out, pen->mermaid ? "    " : "\t");
		append_node(out, pen, "m", line->sponsor_place);
		appendStringInfoString(out, pen->mermaid ? " --> " : " -> ");
		append_node(out, pen, kind, place);
		appendStringInfoString(out, pen->mermaid ? "\n" : ";\n");
	}
	if (pen->mermaid && line->cut)
	{
		appendStringInfoString(out, "    style ");
		append_node(out, pen, kind, place);
		appendStringInfoString(out, " stroke-dasharray: 5 5\n");
	}
}

void
referral_close_graph(StringInfo out, const ReferralPen *pen)
{
	if (!pen->mermaid)
		appendStringInfoString(out, "}\n");
}
