/*
 * plot - small drawings in SVG, within the page and without a script. Colours are the style sheet's.
 */
#include "base/clock.h"
#include "engine/admin/page.h"

/* ---- bars ------------------------------------------------------------------------ */

#define BAR_WIDTH 4
#define BAR_STEP 5
#define BARS_HEIGHT 26

void plot_bars(struct str *out, const struct recent_rule *r)
{
	int64_t most = 0;

	for (size_t i = 0; i < RECENT_SLOTS; i++)
		most = r->fired[i] > most ? r->fired[i] : most;
	html_rawf(
		out,
		"<svg class=\"bars\" preserveAspectRatio=\"xMinYMax\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%lld in seven days, "
		"at most %lld in six hours\">",
		RECENT_SLOTS * BAR_STEP, BARS_HEIGHT, (long long)r->total, (long long)most);
	for (int i = 0; i < RECENT_SLOTS; i++) {
		/* One stands above none, however high the highest is. */
		int64_t height = r->fired[i] ? 3 + r->fired[i] * (BARS_HEIGHT - 3) / most : 1;
		height = height > BARS_HEIGHT ? BARS_HEIGHT : height;
		html_rawf(out, "<rect%s x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
			  r->fired[i] ? "" : " class=\"none\"", i * BAR_STEP,
			  BARS_HEIGHT - (int)height, BAR_WIDTH, (int)height);
	}
	html_raw(out, "</svg>");
}

/* ---- delays ----------------------------------------------------------------------- */

/* A sheet with days along it and time up it, each line ten times or so the one below. */
#define LEFT 46
#define RIGHT 22
#define TOP 8
#define SLOT_WIDTH 10
#define PLOT_HEIGHT 112
#define PLOT_WIDTH (RECENT_SLOTS * SLOT_WIDTH)

static const struct {
	int64_t ms;
	const char *label;
} marks[] = {
	{ MS_SECOND, "1 s" },	      { 10 * MS_SECOND, "10 s" }, { MS_MINUTE, "1 min" },
	{ 10 * MS_MINUTE, "10 min" }, { MS_HOUR, "1 h" },	  { 10 * MS_HOUR, "10 h" },
};
#define MARKS (int)(sizeof(marks) / sizeof(marks[0]))

/* In tenths, for a height between two marks is cut into equal parts. */
static int height_of(int64_t ms)
{
	int step = PLOT_HEIGHT * 10 / (MARKS - 1);

	if (ms <= marks[0].ms)
		return 0;
	for (int i = 1; i < MARKS; i++) {
		int64_t low = marks[i - 1].ms, high = marks[i].ms;
		if (ms <= high)
			return (i - 1) * step + (int)((ms - low) * step / (high - low));
	}
	return PLOT_HEIGHT * 10;
}

static int y_of(int64_t ms)
{
	return (TOP + PLOT_HEIGHT) * 10 - height_of(ms);
}

static int x_of(int slot)
{
	return (LEFT + slot * SLOT_WIDTH + SLOT_WIDTH / 2) * 10;
}

/* A number of tenths. */
static void add_tenths(struct str *out, int n)
{
	html_rawf(out, "%d.%d", n / 10, n % 10);
}

static void add_sheet(struct str *out, const struct recent *r)
{
	char day[CLOCK_TEXT];

	for (int i = 0; i < MARKS; i++) {
		int y = y_of(marks[i].ms) / 10;
		html_rawf(
			out,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><text class=\"up\" x=\"%d\" "
			"y=\"%d\">%s</text>",
			LEFT, LEFT + PLOT_WIDTH, y, y, LEFT - 4, y + 3, marks[i].label);
	}
	for (int i = 0; i < RECENT_SLOTS; i++) {
		int64_t at_ms = r->begin_ms + i * RECENT_SLOT_MS;
		if (at_ms % MS_DAY)
			continue;
		clock_format(at_ms, day);
		html_rawf(out, "<text x=\"%d\" y=\"%d\">%.5s</text>", LEFT + i * SLOT_WIDTH,
			  TOP + PLOT_HEIGHT + 14, day + 5);
	}
}

static void add_points(struct str *out, const struct recent_delay delay[RECENT_SLOTS])
{
	html_raw(out, "<path class=\"most\" d=\"");
	for (int i = 0; i < RECENT_SLOTS; i++) {
		if (!delay[i].count)
			continue;
		html_raw(out, "M");
		add_tenths(out, x_of(i));
		html_raw(out, " ");
		add_tenths(out, y_of(delay[i].half_ms));
		html_raw(out, "V");
		add_tenths(out, y_of(delay[i].most_ms));
	}
	html_raw(out, "\"/>");
	for (int i = 0; i < RECENT_SLOTS; i++) {
		if (!delay[i].count)
			continue;
		html_raw(out, "<circle r=\"2.6\" cx=\"");
		add_tenths(out, x_of(i));
		html_raw(out, "\" cy=\"");
		add_tenths(out, y_of(delay[i].half_ms));
		html_raw(out, "\"><title>half within ");
		html_span(out, delay[i].half_ms);
		html_raw(out, ", 95 of 100 within ");
		html_span(out, delay[i].most_ms);
		html_rawf(out, ", of %lld</title></circle>", (long long)delay[i].count);
	}
}

void plot_delays(struct str *out, const char *title, const struct recent *r,
		 const struct recent_delay delay[RECENT_SLOTS])
{
	int64_t count = 0;

	for (size_t i = 0; i < RECENT_SLOTS; i++)
		count += delay[i].count;
	html_rawf(
		out,
		"<figure><figcaption>%s <span class=\"dim\">%lld in seven days</span></figcaption>",
		title, (long long)count);
	html_rawf(
		out,
		"<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s, in seven "
		"days\">",
		LEFT + PLOT_WIDTH + RIGHT, TOP + PLOT_HEIGHT + 18, title);
	add_sheet(out, r);
	add_points(out, delay);
	html_raw(out, "</svg></figure>\n");
}

/* ---- budgets ----------------------------------------------------------------------- */

#define BUDGET_WIDTH 120

void plot_budget(struct str *out, const struct budget_report *b)
{
	int64_t left = b->most ? b->left * BUDGET_WIDTH / b->most : 0;

	html_rawf(
		out,
		"<svg class=\"budget\" viewBox=\"0 0 %d 6\" aria-hidden=\"true\"><rect class=\"none\" "
		"width=\"%d\" height=\"6\" rx=\"3\"/><rect width=\"%lld\" height=\"6\" "
		"rx=\"3\"/></svg>",
		BUDGET_WIDTH, BUDGET_WIDTH, (long long)left);
}
