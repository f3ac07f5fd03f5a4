// uPlot as the server serves it to the page, under a name beside the page's own modules.

export { default } from 'uplot';
