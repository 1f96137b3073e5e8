// The style of the page: light, dark and print, from 320 pixels on. Contrast of text is 4.5:1 and more, of what is
// drawn 3:1 (WCAG 2.2 AA); `./dev test ui` looks at it.
#pragma once

#include <string_view>

namespace guidon::stats {

inline constexpr std::string_view kPageStyle = R"css(
:root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--ink:#171b21;--muted:#4f5966;--line:#d8dde4;--grid:#e6e9ee;
--link:#1c4fc4;--good:#0b6b3c;--good-bg:#e3f4ea;--bad:#b0231b;--bad-bg:#fdeae8;--warn:#744a00;--warn-bg:#fdf1d8;
--info:#1c4fc4;--info-bg:#e8eefc;--zero:#5d6673;--plain:#3b5c9e;
--s0:#69727f;--s1:#1c4fc4;--s2:#b04a06;--s3:#7a36ad;--s4:#0a716c;--s5:#a01d62}
@media (prefers-color-scheme:dark){:root{--bg:#0f1216;--card:#181c22;--ink:#e9ecf0;--muted:#a9b2bf;--line:#333a45;
--grid:#272d36;--link:#93b4ff;--good:#6ed49b;--good-bg:#10301f;--bad:#ff9d92;--bad-bg:#3d1613;--warn:#f1c671;
--warn-bg:#362a0d;--info:#93b4ff;--info-bg:#16233f;--zero:#8d97a5;--plain:#9bb5ea;
--s0:#9ba5b3;--s1:#8db0ff;--s2:#f3a566;--s3:#cf9ff2;--s4:#5fd1c9;--s5:#f48fc0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
header,main,footer{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
h1{font-size:1.5rem;line-height:1.25;margin:0}
.sub{color:var(--muted);margin:4px 0 0}
h2{font-size:1.15rem;line-height:1.3;margin:0 0 4px}
h3{font-size:1rem;margin:0}
h4{font-size:.9375rem;margin:12px 0 0}
p{margin:6px 0}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 24px;margin:16px 0}
.lead{color:var(--muted);margin:0 0 12px}
.verdict{border-left:8px solid var(--info);margin-top:18px}
.verdict.good{border-left-color:var(--good)}.verdict.bad{border-left-color:var(--bad)}.verdict.warn{border-left-color:var(--warn)}
.verdict h2{font-size:1.75rem;letter-spacing:-.01em;margin:0;color:var(--info)}
.verdict.good h2{color:var(--good)}.verdict.bad h2{color:var(--bad)}.verdict.warn h2{color:var(--warn)}
.verdict .why{font-size:1.15rem;margin:6px 0 12px}
.next{background:var(--bg);border-radius:8px;padding:10px 14px;margin:12px 0 0}
.next b{margin-right:4px}
.notes{margin:10px 0 0;padding-left:20px;color:var(--muted)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px 24px;margin:16px 0 0}
.facts div{min-width:0}.facts dt{color:var(--muted);font-size:.875rem}.facts dd{margin:0;font-weight:600}
.track{height:6px;border-radius:3px;background:var(--grid);margin-top:6px;overflow:hidden}
.track span{display:block;height:100%;background:var(--info)}
nav{margin:14px 0 0}nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;margin:0;padding:0}
nav a{display:inline-block;padding:4px 0;min-height:24px}
.gates{list-style:none;margin:0;padding:0}
.gates li{display:grid;grid-template-columns:64px 180px 1fr;gap:4px 12px;padding:8px 0;border-top:1px solid var(--line)}
.gates li:first-child{border-top:0}
.gates .name{font-weight:600}
.tag{display:inline-block;font-size:.8125rem;font-weight:600;line-height:1.4;border-radius:6px;padding:2px 8px;justify-self:start;
align-self:start;background:var(--info-bg);color:var(--info)}
.tag.good{background:var(--good-bg);color:var(--good)}.tag.bad{background:var(--bad-bg);color:var(--bad)}
.tag.warn{background:var(--warn-bg);color:var(--warn)}
.badge{display:inline-block;font-size:.8125rem;border:1px solid var(--line);border-radius:6px;padding:0 6px;margin:0 4px 0 0;color:var(--muted)}
.metric{border-top:1px solid var(--line);padding-top:16px;margin-top:16px}
.metric:first-of-type{border-top:0;padding-top:4px;margin-top:0}
.metric .about{color:var(--muted);margin:0 0 8px}
figure{margin:12px 0 0}
figcaption{color:var(--muted);font-size:.875rem;margin-bottom:6px}
.forest{display:grid;grid-template-columns:minmax(150px,290px) minmax(0,1fr);gap:0 16px;align-items:center}
.forest .label{padding:2px 0;line-height:1.35}.forest .label b{display:block;overflow-wrap:anywhere}
.forest .label>span{color:var(--muted);font-size:.9375rem}
svg{display:block;overflow:visible}
.plot{display:flex;overflow:hidden}.plot .gutter{flex:none}.plot .area{flex:1;min-width:0}
.tick{fill:var(--muted);font-size:12px}
.grid{stroke:var(--grid);stroke-width:1;vector-effect:non-scaling-stroke}
.zero{stroke:var(--zero);stroke-width:1.5;vector-effect:non-scaling-stroke}
.margin{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}
.beyond{fill:var(--bad-bg)}
.interval{stroke-width:4;stroke-linecap:butt}.cap{stroke-width:2}
.interval.plain,.cap.plain{stroke:var(--plain)}.point.plain{fill:var(--plain)}
.interval.good,.cap.good{stroke:var(--good)}.point.good{fill:var(--good)}
.interval.bad,.cap.bad{stroke:var(--bad)}.point.bad{fill:var(--bad)}
.point{stroke:var(--card);stroke-width:1.5}
.line{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
.line.s0{stroke:var(--s0);stroke-dasharray:6 3}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2);stroke-dasharray:9 3}
.line.s3{stroke:var(--s3);stroke-dasharray:2 3}.line.s4{stroke:var(--s4);stroke-dasharray:9 3 2 3}.line.s5{stroke:var(--s5);stroke-dasharray:4 2}
.band{opacity:.17}.band.s0,.dot.s0{fill:var(--s0)}.band.s1,.dot.s1{fill:var(--s1)}.band.s2,.dot.s2{fill:var(--s2)}
.band.s3,.dot.s3{fill:var(--s3)}.band.s4,.dot.s4{fill:var(--s4)}.band.s5,.dot.s5{fill:var(--s5)}
.dot{stroke:var(--card);stroke-width:1}
.whisker{stroke-width:2}.whisker.s0{stroke:var(--s0)}.whisker.s1{stroke:var(--s1)}.whisker.s2{stroke:var(--s2)}
.whisker.s3{stroke:var(--s3)}.whisker.s4{stroke:var(--s4)}.whisker.s5{stroke:var(--s5)}
.bound{fill:none;stroke:var(--zero);stroke-width:1.5;stroke-dasharray:5 4;vector-effect:non-scaling-stroke}
.step{stroke:var(--muted);stroke-width:1.5;stroke-dasharray:1.5 3}
.step-label{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:0 0 6px;padding:0;font-size:.9375rem}
.legend svg{display:inline-block;vertical-align:middle;margin-right:6px}
.scroll{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--muted);font-size:.875rem;padding-bottom:4px}
th,td{text-align:right;padding:6px 8px;border-top:1px solid var(--line);white-space:nowrap;vertical-align:top}
th{font-weight:600}thead th{white-space:normal;vertical-align:bottom;border-top:0;color:var(--muted);font-size:.875rem}
th:first-child,td:first-child{text-align:left;padding-left:0}td.text{text-align:left;white-space:normal;min-width:150px}.remarks{display:flex;flex-wrap:wrap;gap:4px 6px;margin:3px 0 2px}.remarks .tag,.remarks .badge{margin:0}
details{margin-top:12px}summary{cursor:pointer;color:var(--link);min-height:24px;padding:2px 0}
pre{margin:8px 0 0;padding:12px;background:var(--bg);border-radius:8px;overflow:auto;max-height:320px;font-size:.8125rem;line-height:1.45}
.plan{display:grid;grid-template-columns:160px 1fr;gap:6px 16px;margin:0}.plan dt{color:var(--muted)}.plan dd{margin:0;overflow-wrap:anywhere}
.button{display:inline-block;border:1px solid var(--link);border-radius:8px;padding:8px 14px;text-decoration:none;font-weight:600}
.hidden-results{color:var(--muted);border:1px dashed var(--line);border-radius:8px;padding:14px}
footer{color:var(--muted);font-size:.875rem;padding-bottom:40px}
@media (max-width:640px){header,main,footer{padding-left:14px;padding-right:14px}.card{padding:16px;border-radius:10px}
.verdict h2{font-size:1.4rem}.verdict .why{font-size:1.05rem}.gates li{grid-template-columns:58px 1fr}.gates li>:last-child{grid-column:1/-1}
.forest{grid-template-columns:minmax(0,1fr)}.forest .label{padding-top:10px}.forest .label b{display:inline;margin-right:8px}
.plan{grid-template-columns:1fr;gap:0}.plan dd{margin-bottom:8px}.spare{display:none}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--muted:#3d4550;--line:#b9bfc8;--grid:#dfe3e8;--link:#143c96;
--good:#0b5c34;--good-bg:#fff;--bad:#a01d16;--bad-bg:#fbe3e1;--warn:#664100;--warn-bg:#fff;--info:#143c96;--info-bg:#fff;--zero:#444c57;
--plain:#2d4a86;--s0:#69727f;--s1:#1c4fc4;--s2:#b04a06;--s3:#7a36ad;--s4:#0a716c;--s5:#a01d62}
body{font-size:10.5pt}header,main,footer{max-width:none;padding:0}.card{break-inside:avoid;border-radius:0;margin:10px 0;padding:12px 14px}
.tag{border:1px solid currentColor}nav,.button,details:not([open]){display:none}.scroll{overflow:visible}table{font-size:8.5pt}th,td{white-space:normal;padding:3px 5px}td.text{min-width:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)css";

}  // namespace guidon::stats
