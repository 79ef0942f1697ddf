/** The one style of all reports: light and dark, phone to wide screen, paper. */
import { DARK_SERIES, LIGHT_SERIES } from './svg.js';

const LIGHT = `--ink:#1b1f24;--soft:#565f6b;--paper:#fff;--panel:#f4f6f8;--rule:#d3d9e0;--link:#0b57a4;--limit:#b3261e;
--measured:#0a6b4b;--simulated:#6a3fa0;
${LIGHT_SERIES}`;
const DARK = `--ink:#e6e9ed;--soft:#a4aebb;--paper:#14181d;--panel:#1d232a;--rule:#3a434e;--link:#82b7ff;--limit:#ff8f86;
--measured:#5bd3a5;--simulated:#c3a3ff;
${DARK_SERIES}`;

export const STYLE = `:root{color-scheme:light;${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;${DARK}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper)}
.frame{max-width:78rem;margin:0 auto;padding:1.25rem clamp(1rem,4vw,2.5rem) 4rem}
header{max-width:52rem}
h1{font-size:clamp(1.5rem,1.2rem + 1.6vw,2.2rem);line-height:1.2;margin:.5rem 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.35rem;line-height:1.3;margin:2.75rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--rule)}
h3{font-size:1.08rem;margin:1.75rem 0 .5rem;overflow-wrap:anywhere}
p,li,figcaption{max-width:46rem;overflow-wrap:anywhere}
p{margin:.5rem 0 .9rem}
a{color:var(--link)}
a:focus-visible,[tabindex]:focus-visible,summary:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.lead{font-size:1.05rem;color:var(--soft)}
nav ol{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin:0;padding:0;font-size:.92rem}
nav a{display:inline-block;padding:.2rem 0}
.chip{font-size:.75rem;font-weight:600;vertical-align:.15em;padding:.1rem .5rem;border:1px solid;border-radius:1rem;white-space:nowrap}
.measured .chip{color:var(--measured)}.simulated .chip{color:var(--simulated)}
.scroll{overflow-x:auto;margin:.75rem 0 1.5rem;max-width:100%}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3rem 0 .45rem}caption span{display:inline-block;max-width:min(46rem,calc(100vw - 3rem));position:sticky;left:0}
th,td{padding:.32rem .8rem .32rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
thead th,thead td{vertical-align:bottom;border-bottom:2px solid var(--rule);color:var(--soft);font-weight:600}
tbody th{font-weight:400;min-width:6.5rem;max-width:22rem}
td:not(.r){max-width:34rem;overflow-wrap:break-word}
.r{text-align:right;white-space:nowrap;padding-left:.5rem}
thead .r{white-space:normal}
tr:target,:target>h2,h3:target{background:color-mix(in srgb,var(--link) 14%,transparent)}
.n{color:inherit;text-decoration:underline dotted 1px;text-underline-offset:3px;text-decoration-color:var(--soft)}
.n:hover{text-decoration-style:solid}
small{color:var(--soft);font-size:.78rem;font-weight:400}
.headline{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:.75rem;margin:1rem 0 1.5rem}
.headline div{background:var(--panel);border-radius:.5rem;padding:.8rem 1rem}
dt{font-size:.88rem;color:var(--soft)}dd{margin:0;font-size:.88rem;color:var(--soft);overflow-wrap:anywhere}
dd.big{font-size:1.55rem;font-weight:600;line-height:1.35;color:var(--ink)}
figure{margin:1.25rem 0 2rem;max-width:44rem}
figure.drawing{max-width:100%}
figure .title{font-weight:600;margin:0 0 .35rem}
figcaption{font-size:.92rem;color:var(--soft);margin-top:.4rem}
figure svg{display:block;width:100%;height:auto}
.drawing svg{max-width:60rem;min-width:36rem}.pair figure,.single figure{max-width:44rem}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:0 0 .35rem;padding:0;font-size:.9rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.legend svg,.legend li{flex:none;max-width:100%}
.legend svg{width:26px;height:12px}
.narrow{display:none}
details{margin:.5rem 0}summary{cursor:pointer;font-size:.92rem;color:var(--link);padding:.2rem 0}
pre{background:var(--panel);padding:.8rem 1rem;border-radius:.5rem;overflow-x:auto;font-size:.88rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em;overflow-wrap:anywhere}
pre code{overflow-wrap:normal;font-size:1em}
.prose{margin:.75rem 0 1.5rem}
@media(max-width:40rem){body{font-size:15px}.wide{display:none}.narrow{display:block}ul{padding-left:1.2rem}
th,td{padding-right:.6rem}.scroll tbody th,.scroll thead :first-child{position:sticky;left:0;background:var(--paper);min-width:6.8rem;max-width:8.5rem;overflow-wrap:break-word;padding-right:.4rem}
.scroll .r small{display:block}.scroll td:not(.r){min-width:6rem}
.prose,.prose caption,.prose tbody,.prose tr{display:block}.prose thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.prose tr{padding:.5rem 0;border-bottom:1px solid var(--rule)}.prose th,.prose td{display:inline;border:0;padding:0 .6rem 0 0;min-width:0}
.prose tbody th{font-weight:600}.prose td:last-child{display:block;color:var(--soft)}.prose tr:last-child td{border:0}}
@media screen and (min-width:84rem){.frame{max-width:96rem;display:grid;grid-template-columns:13rem minmax(0,1fr);column-gap:3.5rem}
header,main,footer{grid-column:2}nav{grid-column:1;grid-row:1/span 3;position:sticky;top:1.5rem;align-self:start}nav ol{flex-direction:column}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:0 3rem;align-items:start}}
@media print{@page{margin:16mm}body{font-size:10pt}.frame{max-width:none;padding:0}nav{display:none}h2,h3,caption,.title{break-after:avoid}
tr,figure,.headline div{break-inside:avoid}thead{display:table-header-group}.scroll,pre{overflow:visible}pre{white-space:pre-wrap}
table{font-size:8.5pt}details:not([open])::details-content{content-visibility:hidden}a{color:inherit}.wide{display:block}.narrow{display:none}
.drawing svg{max-width:100%}}
`;
