// Light and dark: as the system says, or as chosen here; kept for the next visit.

import { byId } from './elements.js';

const NAME = 'cairn-theme';
const THEMES = ['system', 'light', 'dark'] as const;

type Theme = (typeof THEMES)[number];

/** `onChange`: the colours are others now. */
export function startTheme(onChange: () => void): void {
  const button = byId('theme', HTMLButtonElement);
  const show = (theme: Theme): void => {
    document.documentElement.dataset['theme'] = theme;
    button.textContent = `Theme: ${theme}`;
    onChange();
  };
  let theme = THEMES.find((each) => each === localStorage.getItem(NAME)) ?? 'system';
  show(theme);
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    localStorage.setItem(NAME, theme);
    show(theme);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
}

/** A colour of page.css as the canvas of a chart needs it. */
export function colourOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
