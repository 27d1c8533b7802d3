extension HTMLReport {
    /// How the page looks, light or dark, on a screen or on paper.
    static let style: Markup = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --muted: #59636e; --edge: #d5dae0; --head: #eef0f3;
          --link: #0b5cad; --pass: #00684b; --pass-tint: #e2f4ec; --fail: #b3261e; --fail-tint: #fdebe9;
          --skip: #5c6670; --skip-tint: #eceff2; --requested: #e69f00; --plugged: #0072b2; --usable: #6b7480;
          --guest-total: #009e73; --guest-free: #56b4e9; --resident: #cc79a7;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #101317; --card: #181c22; --text: #e4e8ed; --muted: #9aa4b0; --edge: #303843; --head: #20262e;
            --link: #7ab8f5; --pass: #4fd0a4; --pass-tint: #12312a; --fail: #ff8f85; --fail-tint: #3c1b1a;
            --skip: #a3adb8; --skip-tint: #272e37; --requested: #e69f00; --plugged: #56b4e9; --usable: #98a2ae;
            --guest-total: #1fc79a; --guest-free: #f0e442; --resident: #dd93bd;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 66rem; background: var(--page); color: var(--text);
          font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
        }
        a { color: var(--link); text-decoration: none; }
        a:hover { text-decoration: underline; }
        h1 { margin: 0 0 .75rem; font-size: 1.9rem; line-height: 1.2; }
        h2 { margin: 2.25rem 0 .75rem; font-size: 1.2rem; }
        h3, h4 { display: inline; margin: 0; font-size: 1rem; }
        h4, figcaption { font-size: .9rem; font-weight: 600; }
        code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
        .kicker { margin: 0 0 .2rem; color: var(--muted); font-size: .85rem; }
        .bar { display: flex; gap: 2px; height: 8px; border-radius: 4px; overflow: hidden; background: var(--edge); }
        .bar span { flex: 1 1 0; }
        .bar .passed { background: var(--pass); }
        .bar .failed { background: var(--fail); }
        .bar .skipped { background: var(--skip); }
        ul.counts { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .6rem 0 1.1rem; padding: 0; list-style: none; }
        .counts .passed { color: var(--pass); }
        .counts .failed { color: var(--fail); }
        .counts .skipped { color: var(--skip); }
        .counts .none { color: var(--muted); }
        dl.facts {
          display: flex; flex-wrap: wrap; gap: .7rem 2.5rem; margin: 0; padding: .9rem 1.1rem; background: var(--card); border: 1px solid var(--edge); border-radius: 8px;
        }
        .facts dt { color: var(--muted); font-size: .8rem; }
        .facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
        .note, .rerun, .origin, .about, .where { color: var(--muted); }
        .rerun { margin: 1rem 0 .3rem; }
        pre { margin: 0; padding: .7rem .9rem; overflow: auto; border: 1px solid var(--edge); border-radius: 6px; }
        pre.command { background: var(--card); }
        pre.log { max-height: 24rem; margin-top: .4rem; background: var(--head); line-height: 1.4; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; background: var(--card); font-variant-numeric: tabular-nums; }
        table.cases, table.steps { width: 100%; }
        th, td { padding: .4rem .7rem; border: 1px solid var(--edge); text-align: left; vertical-align: top; }
        thead th { background: var(--head); font-size: .85rem; font-weight: 600; vertical-align: bottom; }
        tbody th { font-weight: 600; }
        th.figure, td.figure { text-align: right; white-space: nowrap; }
        .cases td:nth-child(2) { width: 90%; }
        .cases tr.failed { background: var(--fail-tint); }
        .why { color: var(--muted); font-size: .9rem; overflow-wrap: anywhere; }
        .failed .why { color: var(--text); }
        .steps td { padding-top: .25rem; padding-bottom: .25rem; }
        .steps td.text { width: 60%; min-width: 11rem; overflow-wrap: anywhere; }
        .steps tr.inner td.text { padding-left: 2rem; }
        .steps tr.failed { background: var(--fail-tint); }
        .steps tr.skipped td { color: var(--muted); }
        .matrix td { min-width: 9rem; }
        .matrix td.passed { background: var(--pass-tint); }
        .matrix td.failed { background: var(--fail-tint); }
        .matrix td.skipped { background: var(--skip-tint); }
        .matrix td.absent { color: var(--muted); }
        .measurements th { font-weight: 400; }
        .measurements { margin: .4rem 0 0; }
        dl.figures { display: grid; grid-template-columns: auto auto; gap: 0 .8rem; margin: .3rem 0 0; font-size: .85rem; }
        .figures dt { color: var(--muted); }
        .figures dd { margin: 0; text-align: right; white-space: nowrap; }
        .badge {
          display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .82rem; font-weight: 600;
          white-space: nowrap;
        }
        .badge.passed { color: var(--pass); background: var(--pass-tint); }
        .badge.failed { color: var(--fail); background: var(--fail-tint); }
        .badge.skipped { color: var(--skip); background: var(--skip-tint); }
        td .badge { padding-left: 0; background: none !important; }
        .setting {
          display: inline-block; padding: 0 .4rem; border: 1px solid var(--edge); border-radius: 4px; color: var(--muted);
          font-size: .82rem; font-weight: 400; white-space: nowrap;
        }
        .setting b { color: var(--text); font-weight: 600; }
        details.case { margin: 0 0 .8rem; background: var(--card); border: 1px solid var(--edge); border-radius: 8px; }
        details.case.failed { border-left: 4px solid var(--fail); }
        summary { cursor: pointer; }
        details.case > summary { padding: .6rem 1rem; }
        .took { color: var(--muted); font-size: .85rem; white-space: nowrap; }
        .body { padding: 0 1rem 1.1rem; scroll-margin-top: 4rem; }
        .body > p { margin: 0 0 .5rem; }
        .body .origin { font-size: .85rem; overflow-wrap: anywhere; }
        .body > details, .body > h4, .body > figure { display: block; margin: 1.1rem 0 0; }
        .body > details > .wide { margin-top: .4rem; }
        .message { margin: .6rem 0; padding: .6rem .9rem; border-radius: 6px; overflow-wrap: anywhere; }
        .message p { margin: 0; }
        .message.failed { background: var(--fail-tint); border-left: 4px solid var(--fail); }
        .message.skipped { background: var(--skip-tint); }
        .kind { color: var(--fail); font-weight: 600; }
        .kind::after { content: ":"; }
        footer { margin-top: 2rem; color: var(--muted); font-size: .8rem; }
        @media print {
          :root { color-scheme: light; }
          body { max-width: none; padding: 0; font-size: 10.5pt; background: none; }
          details.case, figure, tr, .message { break-inside: avoid-page; }
          details.case { break-inside: auto; border-radius: 0; }
          h2, h4, summary { break-after: avoid-page; }
          details::details-content { content-visibility: visible; height: auto; }
          pre.log { max-height: none; white-space: pre-wrap; }
          .wide { overflow: visible; }
          * { print-color-adjust: exact; }
        }

        """

    /// How plots look. The colours are those of Okabe and Ito, which people who confuse colours tell apart; each line has
    /// its own dashes, too.
    static let plotStyle: Markup = """
        .body svg { display: block; }
        .wide > svg { width: 100%; min-width: 28rem; font-size: 11px; }
        svg text { fill: var(--muted); }
        svg .size { text-anchor: end; }
        svg .time, svg .number { text-anchor: middle; }
        svg .number { fill: var(--text); font-size: 10.5px; }
        svg path { fill: none; }
        svg .grid { stroke: var(--edge); stroke-width: .6; }
        svg .axis { stroke: var(--muted); stroke-width: 1; }
        svg .step { stroke: var(--muted); stroke-width: .8; stroke-opacity: .6; }
        svg .inner { stroke-dasharray: 3 3; }
        .legend .step { stroke-width: 1.2; stroke-opacity: 1; }
        svg .line { stroke-width: 1.7; stroke-linejoin: round; stroke-linecap: round; }
        svg .requested { stroke: var(--requested); stroke-width: 2; stroke-dasharray: 5 4; stroke-linecap: butt; }
        svg .plugged { stroke: var(--plugged); stroke-width: 2.4; }
        svg .usable { stroke: var(--usable); stroke-width: 1.6; stroke-dasharray: .1 3.6; }
        svg .guest-total { stroke: var(--guest-total); }
        svg .guest-free { stroke: var(--guest-free); stroke-dasharray: 7 3; stroke-linecap: butt; }
        svg .resident { stroke: var(--resident); stroke-dasharray: 9 3 2 3; stroke-linecap: butt; }
        svg .failure { stroke: var(--fail); stroke-width: 1.8; }
        svg .failure-text {
          fill: var(--fail); font-weight: 600; stroke: var(--card); stroke-width: 3px; paint-order: stroke;
        }
        svg .failure-text.before { text-anchor: end; }
        ul.legend {
          display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: .3rem 0 .2rem; padding: 0; list-style: none;
          font-size: .82rem;
        }
        .legend li { display: flex; align-items: center; gap: .35rem; }
        figure { margin: 1rem 0 0; }
        @media (max-width: 46rem) {
          .wide > svg { font-size: 15px; }
          svg .number { font-size: 13px; }
        }

        """
}
