"""SVG elements as markup. Text and attributes are escaped, whatever is in them."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape


def element(name: str, *children: object, **attributes: object) -> Markup:
    """Return an element; attributes that are None are left out, `class_` is `class`, `font_size` `font-size`.

    >>> element("text", "<b>", x=1, class_="name")
    Markup('<text x="1" class="name">&lt;b&gt;</text>')
    """
    given = (
        (key.rstrip("_").replace("_", "-"), f"{one:.1f}".removesuffix(".0") if type(one) is float else one)
        for key, one in attributes.items()
        if one is not None
    )
    shown = Markup("").join(Markup(' {}="{}"').format(key, one) for key, one in given)
    inside = Markup("").join(escape(one) for one in children)
    return Markup("<{}{}>{}</{}>").format(name, shown, inside, name)


def figure(
    caption: str,
    drawing: Iterable[Markup],
    size: tuple[float, float],
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    legend: Markup = Markup(""),  # noqa: B008  # immutable
) -> Markup:
    """Return a chart with its caption and, folded, the table that says the same."""
    width, height = size
    shapes = Markup("").join(drawing)
    role = "group" if "<a " in shapes else "img"  # what has links is no image
    chart = element(
        "svg", shapes, viewBox=f"0 0 {width:g} {height:g}", class_="chart", role=role, aria_label=caption
    )
    names = element("tr", *(element("th", one, scope="col") for one in head))
    body = (element("tr", *(element("td", one) for one in row)) for row in rows)
    table = element("table", element("thead", names), element("tbody", *body))
    scrolled = element(
        "div", table, class_="scroll", tabindex=0, role="group", aria_label=f"{caption}: table"
    )
    folded = element("details", element("summary", "As a table"), scrolled)
    return element("figure", element("figcaption", caption), chart, legend, folded)


def legend(*entries: tuple[str, str]) -> Markup:
    """Return what colours mean, each a class and its words."""
    return element(
        "ul",
        *(
            element(
                "li",
                element("svg", element("rect", width=18, height=10, rx=2, class_=kind), class_="chart"),
                f" {words}",
            )
            for kind, words in entries
        ),
        class_="legend",
    )
