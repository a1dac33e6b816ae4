/**
 * A página viva do painel: liga-se ao fluxo, guarda o que vem, e desenha a cada quadro o instante
 * que se mostra. O que muda a cada quadro são os pontos; o resto, só quando há novidade.
 *
 * @module
 */

import { ehPulso } from "../../../ferramentas/diagrama/familias.ts";
import type { Acontecimento, Foto } from "../tipos.ts";
import { criarComandos, mostrarComandos, oferecerCenas } from "./comandos.ts";
import { criarConsoles, mostrarConsoles } from "./consoles.ts";
import { criarDiagrama, mostrarDiagrama, SETAS_MAX } from "./diagrama.ts";
import { ligarFoco, mostrarMensagem } from "./focar.ts";
import { encherLegenda } from "./formas.ts";
import {
  criarHistorico,
  emCena,
  type Estado,
  estadoEm,
  esvaziar,
  fotoEm,
  guardarFoto,
  guardarLote,
  proxima,
  quantosAte,
  ultimas,
} from "./historico.ts";
import { lembrado } from "./lembrar.ts";
import { achar, dizer, mudar } from "./nos.ts";
import { quantos } from "./palavras.ts";
import { pedir, pedirCenas } from "./pedir.ts";
import { criarPontos, mostrarPontos, RESTO_MS } from "./pontos.ts";
import { criarRede, mostrarRede } from "./rede.ts";
import { acertar, andar, criarRelogio } from "./relogio.ts";
import { criarTabelas, mostrarTabelas } from "./tabelas.ts";
import { aoVivo, criarTempo, escolherVelocidade, mostrarTempo } from "./tempo.ts";

/** De quanto em quanto tempo, em milissegundos, se desenha o que não são pontos. */
const QUADRO_MS = 100;

/** Espera até se ligar de novo, em milissegundos. */
const DE_NOVO_MS = 1_000;

/** Pixels do fundo do diagrama em que ainda se segue o que entra. */
const FUNDO_PX = 40;

/** Espera, em milissegundos de quem vê, que se deixa antes da mensagem seguinte ao tocar. */
const ESPERA_MS = 600;

/** A velocidade com que se começa a rever uma gravada: num computador só, tudo dura milissegundos. */
const VELOCIDADE_GRAVADA = 0.01;

const historico = criarHistorico();
const relogio = criarRelogio();
const rede = criarRede(achar("palco"));
const diagrama = criarDiagrama(
  achar("cabeca-do-diagrama") as Element as SVGSVGElement,
  achar("diagrama") as Element as SVGSVGElement,
);
const pontos = criarPontos(rede.pontos, apontar, soltar);
const tabelas = criarTabelas(achar("tabelas"));
const consoles = criarConsoles(achar("consoles"));
const comandos = criarComandos();
const tempo = criarTempo(relogio, historico);
const comPulsos = achar("pulsos") as HTMLInputElement;
const rolo = achar("rolo-do-diagrama");

/** A mensagem que se apontou por último. */
let apontada: Estado | undefined;
/** O que já está desenhado: a versão do histórico, o instante e a hora em que se desenhou. */
let desenhado = { versao: -1, instante: -1, hora: 0, vivo: false };

function apontar(estado: Estado): void {
  apontada = estado;
  mostrarMensagem(achar("mensagem"), estado, historico.fotos.at(-1));
}

/** Passo a passo, um ponto que espera no retransmissor solta-se premindo-o. */
function soltar({ viagem: { id } }: Estado): void {
  if (historico.fotos.at(-1)?.passo) pedir({ pedir: "proxima", id });
}

/** Liga-se ao fluxo. Cada ligação traz o histórico inteiro: o que se tinha esquece-se. */
function ligar(): void {
  const fluxo = new EventSource("/fluxo");
  let primeira = true;
  const receber = <T>(evento: MessageEvent<string>): T => {
    if (primeira) esvaziar(historico);
    primeira = false;
    mudar(document.body, { "data-ligado": true });
    dizer(achar("ligacao"), "ligado");
    return JSON.parse(evento.data) as T;
  };
  fluxo.addEventListener("foto", (evento) => {
    const foto = receber<Foto>(evento);
    if (foto.gravada && historico.fotos.length === 0) {
      if (relogio.modo === "ao vivo") {
        Object.assign(relogio, { modo: "parado", instante: foto.quando });
      }
      if (lembrado("velocidade") === undefined) escolherVelocidade(relogio, VELOCIDADE_GRAVADA);
    }
    guardarFoto(historico, foto);
    acertar(relogio, foto.quando);
  });
  fluxo.addEventListener("lote", (evento) => {
    const lote = receber<readonly Acontecimento[]>(evento);
    guardarLote(historico, lote);
    acertar(relogio, lote.at(-1)?.quando ?? 0);
  });
  fluxo.addEventListener("error", () => {
    // Não a religação do navegador, que pediria só o que falta: o painel pode ser outro.
    fluxo.close();
    mudar(document.body, { "data-ligado": false });
    dizer(achar("ligacao"), "sem ligação ao painel; a tentar");
    relogio.acerto = undefined;
    setTimeout(ligar, DE_NOVO_MS);
  });
}

/** Um quadro: os pontos sempre; o resto dez vezes por segundo, se há novidade. */
function quadro(): void {
  requestAnimationFrame(quadro);
  const presente = historico.fotos.at(-1);
  if (presente === undefined || (relogio.modo === "ao vivo" && relogio.acerto === undefined)) {
    return;
  }
  const instante = andar(relogio, historico.principio, historico.fim);
  const foto = fotoEm(historico, instante)!;
  mostrarRede(rede, foto);
  // Ao rever devagar, o que chegou também se vai mais devagar.
  const resto = RESTO_MS * (relogio.modo === "ao vivo" ? 1 : relogio.velocidade);
  const cena = emCena(historico, instante, resto);
  if (relogio.modo === "a tocar") saltarEspera(cena);
  const semPonto = mostrarPontos(pontos, cena, rede, instante, resto);
  const agora = performance.now();
  if (agora - desenhado.hora < QUADRO_MS) return;
  desenhado.hora = agora;
  mostrarTempo(tempo, relogio, historico, presente.gravada);
  const parado = desenhado.versao === historico.versao && desenhado.instante === instante;
  const vivo = relogio.modo === "ao vivo";
  // Ao vivo, sem novidade nem nada a caminho, o instante seguinte é igual ao que já se desenhou.
  const quieto = vivo && desenhado.vivo && desenhado.versao === historico.versao &&
    cena.length === 0;
  if (parado || quieto) return;
  desenhado = { versao: historico.versao, instante, hora: agora, vivo };
  dizer(achar("sem-ponto"), semPonto > 0 ? `e mais ${quantos(semPonto)} sem ponto` : "");
  mostrarResto(foto, presente, instante);
}

/** Ao tocar, uma espera em que só há pulsos passa-se depressa. */
function saltarEspera(cena: readonly Estado[]): void {
  if (cena.some(({ viagem }) => !ehPulso(viagem.mensagem))) return;
  const { instante, sentido, velocidade } = relogio;
  const quando = proxima(historico, instante, sentido, ({ mensagem }) => !ehPulso(mensagem));
  const espera = ESPERA_MS * velocidade;
  if (quando === undefined || Math.abs(quando - instante) <= espera) return;
  relogio.instante = quando - sentido * espera;
}

function mostrarResto(foto: Foto, presente: Foto, instante: number): void {
  mostrarTabelas(tabelas, foto, presente);
  mostrarComandos(comandos, presente);
  comPulsos.checked = presente.pulsos;
  mostrarConsoles(consoles, foto, historico, instante);
  dizerCena(foto.cena);
  mostrarUltimas(foto, instante);
  if (apontada === undefined) return;
  const viagem = historico.porId.get(apontada.viagem.id) ?? apontada.viagem;
  mostrarMensagem(achar("mensagem"), estadoEm(viagem, instante), foto);
}

/** A cena que corre, ou a última, e o que se olhe nela; ou por que não chegou ao fim. */
function dizerCena(cena: Foto["cena"]): void {
  const fim = cena?.falha ? " (não chegou ao fim)" : cena?.acabou ? " (acabou)" : "";
  dizer(achar("cena"), cena === undefined ? "" : cena.titulo + fim);
  dizer(achar("olhe"), cena === undefined ? "" : cena.falha || `Olhe: ${cena.olhe}`);
}

/** O diagrama, com a barra no fundo se lá estava e ninguém está a ler uma mensagem. */
function mostrarUltimas(foto: Foto, instante: number): void {
  const serve = ({ mensagem }: { mensagem: Estado["viagem"]["mensagem"] }) =>
    foto.pulsos || !ehPulso(mensagem);
  const estados = ultimas(historico, instante, SETAS_MAX, serve);
  const desde = estados[0]?.viagem.saiu ?? 0;
  const { omissoes } = historico;
  const ate = quantosAte(omissoes, instante, ({ quando }) => quando);
  const nasUltimas = omissoes.slice(Math.max(0, ate - SETAS_MAX), ate).filter(({ quando }) =>
    quando >= desde
  );
  const largura = rolo.clientWidth;
  if (largura > 0) diagrama.largura = largura;
  const noFundo = rolo.scrollHeight - rolo.scrollTop - rolo.clientHeight < FUNDO_PX;
  mostrarDiagrama(diagrama, { foto, estados, omissoes: nasUltimas, instante });
  const seguir = noFundo && !diagrama.svg.contains(document.activeElement);
  if (seguir) rolo.scrollTop = rolo.scrollHeight;
}

encherLegenda(achar("legenda"));
ligarFoco(diagrama, apontar);
// Quem pede uma coisa quer vê-la acontecer: o que se mostrava do passado larga-se.
document.addEventListener("pediu", () => {
  if (historico.fotos.at(-1)?.comandos) aoVivo(relogio);
});
comPulsos.addEventListener("change", () => {
  pedir({ pedir: "pulsos", ligado: comPulsos.checked });
});
addEventListener("resize", () => desenhado.versao = -1);
pedirCenas().then((cenas) => oferecerCenas(comandos, cenas));
ligar();
requestAnimationFrame(quadro);
